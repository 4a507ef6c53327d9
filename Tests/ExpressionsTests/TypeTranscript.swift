/// Casts and resolution. Each line is an expression and what PostgreSQL 15 gives for it: `=>` a value as text, `!!` an
/// error with its SQLSTATE.
let typeTranscript = #"""
  '1'::jsonb::int4  =>  1
  '"x"'::jsonb::int4  !!  22023 cannot cast jsonb string to type integer
  '1.5'::jsonb::numeric  =>  1.5
  '{"a": 1}'::jsonb = '{"a": 1.0}'::jsonb  =>  t
  '{"a": 1}'::jsonb < '{"a": 2}'::jsonb  =>  t
  pg_typeof(1)  =>  integer
  pg_typeof(1.5)  =>  numeric
  pg_typeof('x'::varchar)  =>  character varying
  pg_typeof(now())  =>  timestamp with time zone
  1::text  =>  1
  1.50::text  =>  1.50
  true::text  =>  true
  true::int4  =>  1
  2::boolean  =>  t
  'yes'::boolean  =>  t
  '12'::text::int4  =>  12
  '12x'::text::int4  !!  22P02 invalid input syntax for type integer: "12x"
  '12x'::int4  !!  22P02 invalid input syntax for type integer: "12x"
  1.5::int4  =>  2
  2.5::int4  =>  3
  2.5::float8::int4  =>  2
  3.5::float8::int4  =>  4
  1e20::float8::int4  !!  22003 integer out of range
  1e20::numeric::int8  !!  22003 bigint out of range
  300::int2::text  =>  300
  70000::int2  !!  22003 smallint out of range
  'abc'::varchar(2)  =>  ab
  'abc'::char(5)  =>  abc  
  123.456::numeric(5,2)  =>  123.46
  123456::numeric(5,2)  !!  22003 numeric field overflow
  0.1::float4::float8  =>  0.10000000149011612
  0.1::float4::numeric  =>  0.1
  0.1::float8::numeric  =>  0.1
  1e40::float8::float4  !!  22003 value out of range: overflow
  timestamp '2024-05-17 12:34:56'::date  =>  2024-05-17
  date '2024-05-17'::timestamp  =>  2024-05-17 00:00:00
  timestamp '2024-05-17 12:34:56'::time  =>  12:34:56
  timestamp '2024-05-17 12:34:56.789'::timestamp(1)  =>  2024-05-17 12:34:56.8
  interval '1 day 25:00:00'::time  =>  01:00:00
  '2024-05-17'::date::text  =>  2024-05-17
  'a'::uuid  !!  22P02 invalid input syntax for type uuid: "a"
  '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid::text  =>  6ba7b810-9dad-11d1-80b4-00c04fd430c8
  1::json  !!  42846 cannot cast type integer to json
  1 + 'x'  !!  22P02 invalid input syntax for type integer: "x"
  1 + '2'  =>  3
  1 + true  !!  42883 operator does not exist: integer + boolean
  'a' + 'b'  !!  42725 operator is not unique: unknown + unknown
  nosuch(1)  !!  42883 function nosuch(integer) does not exist
  lower(1)  !!  42883 function lower(integer) does not exist
  abs('x')  !!  22P02 invalid input syntax for type double precision: "x"
  true > 1  !!  42883 operator does not exist: boolean > integer
  case when true then 1 else 'x' end  !!  22P02 invalid input syntax for type integer: "x"
  1 = '1'  =>  t
  1 || 2  !!  42883 operator does not exist: integer || integer
  now() = 'x'  !!  22007 invalid input syntax for type timestamp with time zone: "x"
  - 'a'::text  !!  42883 operator does not exist: - text
  length(5)  !!  42883 function length(integer) does not exist
  substr('a')  !!  42883 function substr(unknown) does not exist
  round('2.5')  =>  2
  """#
