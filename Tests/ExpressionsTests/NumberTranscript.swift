/// Arithmetic, comparison, logic and numeric functions. Each line is an expression and what PostgreSQL 15 gives for it: `=>` a value as text, `!!` an
/// error with its SQLSTATE.
let numberTranscript = #"""
  1 + 2  =>  3
  2147483647 + 1  !!  22003 integer out of range
  2147483647 + 1::bigint  =>  2147483648
  32767::int2 + 1::int2  !!  22003 smallint out of range
  9223372036854775807 + 1  !!  22003 bigint out of range
  7 / 2  =>  3
  -7 / 2  =>  -3
  -7 % 3  =>  -1
  7 % 0  !!  22012 division by zero
  1 / 0  !!  22012 division by zero
  1.0 / 3  =>  0.33333333333333333333
  10.50 * 2  =>  21.00
  5 - 7.25  =>  -2.25
  1e10 / 3  =>  3333333333.33333333
  -2147483648::int8  =>  -2147483648
  (-2147483648)::int4 / -1  !!  22003 integer out of range
  2 ^ 10  =>  1024
  2.0 ^ 0.5  =>  1.4142135623730950
  2::float8 ^ 0.5  =>  1.4142135623730951
  1::float8 / 3  =>  0.3333333333333333
  1::float4 / 3  =>  0.3333333333333333
  1::float4 + 1::float8 / 3  =>  1.3333333333333333
  1e308::float8 * 10  !!  22003 value out of range: overflow
  1::float8 / 0  !!  22012 division by zero
  'NaN'::float8 = 'NaN'::float8  =>  t
  'NaN'::float8 > 1e300::float8  =>  t
  1 = 1.0  =>  t
  1 < 2.5::float8  =>  t
  1::int2 >= 1::int8  =>  t
  'a' < 'b'  =>  t
  'B' < 'a'  =>  t
  'abc'::text = 'abc'  =>  t
  'a'::char(3) = 'a  '::char(5)  =>  t
  'a'::char(3) = 'a'::text  =>  t
  'a'::char(3) || 'b'  =>  ab
  length('a'::char(3))  =>  1
  octet_length('a'::char(3))  =>  3
  true and null  =>  NULL
  false and null  =>  f
  true or null  =>  t
  not null  =>  NULL
  null = 1  =>  NULL
  null is null  =>  t
  1 is not null  =>  t
  1 is distinct from null  =>  t
  null is distinct from null  =>  f
  2 is distinct from 2  =>  f
  1 in (1, 2, null)  =>  t
  3 in (1, 2, null)  =>  NULL
  3 in (1, 2)  =>  f
  null in (1)  =>  NULL
  2 in (1.0, 2.0)  =>  t
  (1 = 1) is true  =>  t
  (null = 1) is not true  =>  t
  case when 1 > 2 then 'a' when 2 > 1 then 'b' else 'c' end  =>  b
  case when false then 1 end  =>  NULL
  case when true then 1 else 2.5 end  =>  1
  coalesce(null, 2, 3)  =>  2
  coalesce(null, null)  =>  NULL
  greatest(1, 5, null, 3)  =>  5
  least(2.5, 1, 3)  =>  1
  greatest('a', 'b')  =>  b
  abs(-5)  =>  5
  abs(-5.5)  =>  5.5
  abs(-5.5::float8)  =>  5.5
  @ -5  =>  5
  ceil(1.2)  =>  2
  ceil(-1.2)  =>  -1
  floor(-1.2)  =>  -2
  ceil(1.2::float8)  =>  2
  round(2.5)  =>  3
  round(3.5::float8)  =>  4
  round(2.5::float8)  =>  2
  round(-2.5)  =>  -3
  round(1234.5678, 2)  =>  1234.57
  round(1234.5678, -2)  =>  1200
  trunc(1234.5678, 2)  =>  1234.56
  trunc(-1.9)  =>  -1
  trunc(-1.9::float8)  =>  -1
  sign(-3.2)  =>  -1
  sign(-3.2::float8)  =>  -1
  mod(10, 3)  =>  1
  mod(-10, 3)  =>  -1
  mod(10.5, 3)  =>  1.5
  div(10.5, 3)  =>  3
  power(2, 10)  =>  1024
  power(2.0, -2)  =>  0.2500000000000000
  power(0, -1)  !!  2201F zero raised to a negative power is undefined
  power(-8, 0.5)  !!  2201F a negative number raised to a non-integer power yields a complex result
  sqrt(2)  =>  1.4142135623730951
  sqrt(2.0)  =>  1.414213562373095
  sqrt(-1)  !!  2201F cannot take square root of a negative number
  cbrt(27)  =>  3.0000000000000004
  |/ 25.0  =>  5
  ||/ 27  =>  3.0000000000000004
  exp(1.0)  =>  2.7182818284590452
  exp(1)  =>  2.718281828459045
  ln(2.0)  =>  0.6931471805599453
  ln(0)  !!  2201E cannot take logarithm of zero
  ln(-1.0)  !!  2201E cannot take logarithm of a negative number
  log(100)  =>  2
  log(100.0)  =>  2.0000000000000000
  log(2.0, 64.0)  =>  6.0000000000000000
  log10(1000)  =>  3
  pi()  =>  3.141592653589793
  sin(1)  =>  0.8414709848078965
  cos(1)  =>  0.5403023058681398
  tan(1)  =>  1.5574077246549023
  atan2(1, 2)  =>  0.4636476090008061
  degrees(pi())  =>  180
  radians(180)  =>  3.141592653589793
  asin(2)  !!  22003 input is out of range
  gcd(12, 18)  =>  6
  lcm(4, 6)  =>  12
  gcd(0, 0)  =>  0
  gcd(12.5, 5)  =>  2.5
  factorial(10)  =>  3628800
  factorial(-1)  !!  22003 factorial of a negative number is undefined
  scale(1.50)  =>  2
  min_scale(1.500)  =>  1
  trim_scale(1.500)  =>  1.5
  width_bucket(5.35::float8, 0.024::float8, 10.06::float8, 5)  =>  3
  6 & 3  =>  2
  6 | 3  =>  7
  6 # 3  =>  5
  ~ 6  =>  -7
  1 << 4  =>  16
  256 >> 4  =>  16
  1 << 33  =>  2
  -8 >> 1  =>  -4
  """#
