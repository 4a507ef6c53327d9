# Statements that PostgreSQL 15.18 answers alike, but for the refusals (0A000) and what is noted in the commit.
CREATE TABLE emp (id int PRIMARY KEY, name text NOT NULL, dept varchar(10), salary numeric(10,2), hired date, active boolean, boss bigint, note char(6));
----
CREATE TABLE

INSERT INTO emp VALUES (1,'Ann','eng',1000.50,'2020-01-15',true,NULL,'x'),(2,'Bob','eng',2000,'2021-02-28',false,1,NULL),(3,'Cid','ops',NULL,'2019-12-31',NULL,1,'yy'),(4,'dee',NULL,-5.25,NULL,true,2,''),(5,'Éva','ops',3000,'2022-07-04',false,2,'abcdef');
----
INSERT 0 5

SELECT * FROM emp ORDER BY id;
----
id:integer|name:text|dept:character varying(10)|salary:numeric(10,2)|hired:date|active:boolean|boss:bigint|note:character(6)
1|Ann|eng|1000.50|2020-01-15|t|∅|x     
2|Bob|eng|2000.00|2021-02-28|f|1|∅
3|Cid|ops|∅|2019-12-31|∅|1|yy    
4|dee|∅|-5.25|∅|t|2|      
5|Éva|ops|3000.00|2022-07-04|f|2|abcdef
SELECT 5

SELECT id, name FROM emp WHERE salary > 1000 ORDER BY salary DESC;
----
id:integer|name:text
5|Éva
2|Bob
1|Ann
SELECT 3

SELECT id FROM emp ORDER BY salary;
----
id:integer
4
1
2
5
3
SELECT 5

SELECT id FROM emp ORDER BY salary DESC;
----
id:integer
3
5
2
1
4
SELECT 5

SELECT id FROM emp ORDER BY salary NULLS FIRST;
----
id:integer
3
4
1
2
5
SELECT 5

SELECT id FROM emp ORDER BY salary DESC NULLS LAST, id;
----
id:integer
5
2
1
4
3
SELECT 5

SELECT id FROM emp ORDER BY name;
----
id:integer
1
2
3
4
5
SELECT 5

SELECT id, upper(name) AS u FROM emp ORDER BY u DESC;
----
id:integer|u:text
5|ÉVA
4|DEE
3|CID
2|BOB
1|ANN
SELECT 5

SELECT dept, count(*), sum(salary), avg(salary), min(hired), max(name) FROM emp GROUP BY dept ORDER BY dept;
----
dept:character varying(10)|count:bigint|sum:numeric|avg:numeric|min:date|max:text
eng|2|3000.50|1500.2500000000000000|2020-01-15|Bob
ops|2|3000.00|3000.0000000000000000|2019-12-31|Éva
∅|1|-5.25|-5.2500000000000000|∅|dee
SELECT 3

SELECT dept, count(salary) c FROM emp GROUP BY 1 HAVING count(*) > 1 ORDER BY c DESC, 1;
----
dept:character varying(10)|c:bigint
eng|2
ops|1
SELECT 2

SELECT count(*), count(DISTINCT dept), sum(DISTINCT boss) FROM emp;
----
count:bigint|count:bigint|sum:numeric
5|2|3
SELECT 1

SELECT count(*) FILTER (WHERE active), count(*) FILTER (WHERE NOT active) FROM emp;
----
count:bigint|count:bigint
2|2
SELECT 1

SELECT bool_and(active), bool_or(active), every(active) FROM emp;
----
bool_and:boolean|bool_or:boolean|every:boolean
f|t|f
SELECT 1

SELECT DISTINCT dept FROM emp ORDER BY dept;
----
dept:character varying(10)
eng
ops
∅
SELECT 3

SELECT DISTINCT dept, active FROM emp ORDER BY 1, 2;
----
dept:character varying(10)|active:boolean
eng|f
eng|t
ops|f
ops|∅
∅|t
SELECT 5

SELECT DISTINCT dept FROM emp ORDER BY id;
----
ERROR: 42P10: for SELECT DISTINCT, ORDER BY expressions must appear in select list
POSITION: 40

SELECT id FROM emp WHERE dept = 'eng' AND active;
----
id:integer
1
SELECT 1

SELECT id FROM emp WHERE active IS NULL;
----
id:integer
3
SELECT 1

SELECT id FROM emp WHERE active IS NOT TRUE ORDER BY id;
----
id:integer
2
3
5
SELECT 3

SELECT id FROM emp WHERE NOT (salary > 0) ORDER BY id;
----
id:integer
4
SELECT 1

SELECT id FROM emp WHERE dept IN ('eng', NULL) ORDER BY id;
----
id:integer
1
2
SELECT 2

SELECT id FROM emp WHERE dept NOT IN ('eng', NULL) ORDER BY id;
----
id:integer
SELECT 0

SELECT id FROM emp WHERE dept NOT IN ('eng') ORDER BY id;
----
id:integer
3
5
SELECT 2

SELECT id FROM emp WHERE id IN (1, 3, 3, 9) ORDER BY id;
----
id:integer
1
3
SELECT 2

SELECT id FROM emp WHERE id BETWEEN 2 AND 4 ORDER BY id;
----
id:integer
2
3
4
SELECT 3

SELECT id FROM emp WHERE id NOT BETWEEN 2 AND 4 ORDER BY id;
----
id:integer
1
5
SELECT 2

SELECT id FROM emp WHERE id BETWEEN SYMMETRIC 4 AND 2 ORDER BY id;
----
id:integer
2
3
4
SELECT 3

SELECT id FROM emp WHERE name LIKE '%e%' ORDER BY id;
----
id:integer
4
SELECT 1

SELECT id FROM emp WHERE name ILIKE 'A_N' ORDER BY id;
----
id:integer
1
SELECT 1

SELECT id FROM emp WHERE name NOT LIKE 'A%' ORDER BY id;
----
id:integer
2
3
4
5
SELECT 4

SELECT id FROM emp WHERE note = 'x' ORDER BY id;
----
id:integer
1
SELECT 1

SELECT id, length(note), note || '|' FROM emp ORDER BY id;
----
id:integer|length:integer|?column?:text
1|1|x|
2|∅|∅
3|2|yy|
4|0||
5|6|abcdef|
SELECT 5

SELECT id FROM emp WHERE hired >= '2020-01-01' AND hired < '2021-01-01';
----
id:integer
1
SELECT 1

SELECT id, hired + 1, hired - date '2020-01-01' FROM emp WHERE hired IS NOT NULL ORDER BY id;
----
id:integer|?column?:date|?column?:integer
1|2020-01-16|14
2|2021-03-01|424
3|2020-01-01|-1
5|2022-07-05|915
SELECT 4

SELECT CASE WHEN salary > 1500 THEN 'high' WHEN salary > 0 THEN 'low' ELSE 'none' END, id FROM emp ORDER BY id;
----
case:text|id:integer
low|1
high|2
none|3
none|4
high|5
SELECT 5

SELECT CASE dept WHEN 'eng' THEN 1 WHEN 'ops' THEN 2 END FROM emp ORDER BY id;
----
case:integer
1
1
2
∅
2
SELECT 5

SELECT coalesce(dept, 'none'), nullif(dept, 'ops') FROM emp ORDER BY id;
----
coalesce:character varying|nullif:text
eng|eng
eng|eng
ops|∅
none|∅
ops|∅
SELECT 5

SELECT greatest(1, 2.5, NULL), least(3, 1), greatest('a', 'b');
----
greatest:numeric|least:integer|greatest:text
2.5|1|b
SELECT 1

SELECT id + 1.5, id * 2, id / 2, id % 2, -id FROM emp ORDER BY id LIMIT 2;
----
?column?:numeric|?column?:integer|?column?:integer|?column?:integer|?column?:integer
2.5|2|0|1|-1
3.5|4|1|0|-2
SELECT 2

SELECT id FROM emp ORDER BY id LIMIT 2 OFFSET 1;
----
id:integer
2
3
SELECT 2

SELECT id FROM emp ORDER BY id OFFSET 3;
----
id:integer
4
5
SELECT 2

SELECT id FROM emp ORDER BY id LIMIT NULL;
----
id:integer
1
2
3
4
5
SELECT 5

SELECT id FROM emp ORDER BY id LIMIT -1;
----
ERROR: 2201W: LIMIT must not be negative

SELECT id FROM emp ORDER BY id FETCH FIRST 2 ROWS ONLY;
----
id:integer
1
2
SELECT 2

SELECT 1/0;
----
ERROR: 22012: division by zero

SELECT 1.0/0;
----
ERROR: 22012: division by zero

SELECT id/0 FROM emp WHERE id = 1;
----
ERROR: 22012: division by zero

SELECT 2147483647 + 1;
----
ERROR: 22003: integer out of range

SELECT 9223372036854775807 + 1;
----
ERROR: 22003: bigint out of range

SELECT 'abc'::int;
----
ERROR: 22P02: invalid input syntax for type integer: "abc"
POSITION: 8

SELECT '12'::int + 1, '12' + 1;
----
?column?:integer|?column?:integer
13|13
SELECT 1

SELECT 1 + 'x';
----
ERROR: 22P02: invalid input syntax for type integer: "x"
POSITION: 12

SELECT 1 = '1', 1 = 1.0, 'a' = 'a';
----
?column?:boolean|?column?:boolean|?column?:boolean
t|t|t
SELECT 1

SELECT true AND NULL, false AND NULL, true OR NULL, NOT NULL;
----
?column?:boolean|?column?:boolean|?column?:boolean|?column?:boolean
∅|f|t|∅
SELECT 1

SELECT NULL = NULL, NULL IS NULL, NULL IS DISTINCT FROM NULL, 1 IS DISTINCT FROM NULL;
----
?column?:boolean|?column?:boolean|?column?:boolean|?column?:boolean
∅|t|f|t
SELECT 1

SELECT 1 IN (1, NULL), 2 IN (1, NULL), 2 NOT IN (1, NULL);
----
?column?:boolean|?column?:boolean|?column?:boolean
t|∅|∅
SELECT 1

SELECT 'a' || 1, 'a' || NULL, 1 || 'b';
----
?column?:text|?column?:text|?column?:text
a1|∅|1b
SELECT 1

SELECT cast(1.5 AS int), cast(2.5 AS int), cast('t' AS boolean), 1::boolean, true::int;
----
int4:integer|int4:integer|bool:boolean|bool:boolean|int4:integer
2|3|t|t|1
SELECT 1

SELECT 1.5::float8, 1e10::float8, 0.1::float4 + 0.2::float4;
----
float8:double precision|float8:double precision|?column?:real
1.5|10000000000|0.3
SELECT 1

SELECT date '2020-02-30';
----
ERROR: 22008: date/time field value out of range: "2020-02-30"
POSITION: 13

SELECT timestamp '2020-01-01 12:00:00' + interval '1 day 2 hours';
----
?column?:timestamp without time zone
2020-01-02 14:00:00
SELECT 1

SELECT timestamptz '2020-01-01 12:00:00+02';
----
timestamptz:timestamp with time zone
2020-01-01 10:00:00+00
SELECT 1

SELECT extract(year FROM date '2020-05-06'), date_part('month', date '2020-05-06');
----
extract:numeric|date_part:double precision
2020|5
SELECT 1

SELECT date_trunc('month', timestamp '2020-05-06 07:08:09');
----
date_trunc:timestamp without time zone
2020-05-01 00:00:00
SELECT 1

SELECT interval '1 year 2 mons 3 days', interval '90 minutes';
----
interval:interval|interval:interval
1 year 2 mons 3 days|01:30:00
SELECT 1

SELECT substring('hello' from 2 for 3), position('l' in 'hello'), trim(both 'x' from 'xxaxx'), overlay('abcdef' placing 'XX' from 3);
----
substring:text|position:integer|btrim:text|overlay:text
ell|3|a|abXXef
SELECT 1

SELECT lower('ABC'), upper('é'), length('éa'), replace('aXa', 'X', 'y'), left('abc', 2), right('abc', 2), lpad('a', 3, '*');
----
lower:text|upper:text|length:integer|replace:text|left:text|right:text|lpad:text
abc|É|2|aya|ab|bc|**a
SELECT 1

SELECT abs(-5), round(2.567, 2), ceil(1.2), floor(-1.2), mod(7, 3), power(2, 10), sqrt(16);
----
abs:integer|round:numeric|ceil:numeric|floor:numeric|mod:integer|power:double precision|sqrt:double precision
5|2.57|2|-2|1|1024|4
SELECT 1

SELECT round(2.5), round(3.5), round(-2.5), trunc(2.9);
----
round:numeric|round:numeric|round:numeric|trunc:numeric
3|4|-3|2
SELECT 1

SELECT concat('a', NULL, 1), concat_ws(',', 'a', NULL, 'b');
----
concat:text|concat_ws:text
a1|a,b
SELECT 1

SELECT to_char(1234.5, 'FM9,999.00'), to_char(date '2020-01-02', 'YYYY/MM/DD');
----
to_char:text|to_char:text
1,234.50|2020/01/02
SELECT 1

SELECT md5('a'), encode('abc'::bytea, 'hex');
----
md5:text|encode:text
0cc175b9c0f1b6a831c399e269772661|616263
SELECT 1

SELECT '{"a": 1}'::jsonb -> 'a', '{"a": "x"}'::json ->> 'a';
----
?column?:jsonb|?column?:text
1|x
SELECT 1

SELECT i FROM generate_series(1, 5) i WHERE i % 2 = 0;
----
i:integer
2
4
SELECT 2

SELECT sum(i), avg(i) FROM generate_series(1, 10) AS g(i);
----
sum:bigint|avg:numeric
55|5.5000000000000000
SELECT 1

SELECT i FROM generate_series(5, 1, -2) i;
----
i:integer
5
3
1
SELECT 3

SELECT generate_series FROM generate_series(1, 2);
----
generate_series:integer
1
2
SELECT 2

SELECT column1, column2 FROM (VALUES (1, 'a'), (2, 'b')) v;
----
column1:integer|column2:text
1|a
2|b
SELECT 2

SELECT x FROM (VALUES (1), (2), (NULL)) v(x) ORDER BY x DESC;
----
x:integer
∅
2
1
SELECT 3

SELECT a, b FROM (SELECT id AS a, name AS b FROM emp WHERE id < 3) s ORDER BY a;
----
a:integer|b:text
1|Ann
2|Bob
SELECT 2

SELECT count(*) FROM (SELECT DISTINCT dept FROM emp) s;
----
count:bigint
3
SELECT 1

VALUES (1, 'x'), (2, NULL);
----
column1:integer|column2:text
1|x
2|∅
SELECT 2

VALUES (1), ('a');
----
ERROR: 22P02: invalid input syntax for type integer: "a"
POSITION: 14

SELECT *;
----
ERROR: 42601: SELECT * with no tables specified is not valid
POSITION: 8

SELECT nope FROM emp;
----
ERROR: 42703: column "nope" does not exist
POSITION: 8
HINT: Perhaps you meant to reference the column "emp.note".

SELECT e.id FROM emp AS e WHERE emp.id = 1;
----
ERROR: 42P01: invalid reference to FROM-clause entry for table "emp"
POSITION: 33
HINT: Perhaps you meant to reference the table alias "e".

SELECT x.id FROM emp;
----
ERROR: 42P01: missing FROM-clause entry for table "x"
POSITION: 8

SELECT emp.nope FROM emp;
----
ERROR: 42703: column emp.nope does not exist
POSITION: 8
HINT: Perhaps you meant to reference the column "emp.note".

SELECT id FROM emp WHERE nam = 'x';
----
ERROR: 42703: column "nam" does not exist
POSITION: 26
HINT: Perhaps you meant to reference the column "emp.name".

SELECT id, count(*) FROM emp;
----
ERROR: 42803: column "emp.id" must appear in the GROUP BY clause or be used in an aggregate function
POSITION: 8

SELECT dept FROM emp GROUP BY dept HAVING salary > 1;
----
ERROR: 42803: column "emp.salary" must appear in the GROUP BY clause or be used in an aggregate function
POSITION: 43

SELECT name FROM emp GROUP BY id ORDER BY name;
----
name:text
Ann
Bob
Cid
dee
Éva
SELECT 5

SELECT id FROM emp WHERE count(*) > 1;
----
ERROR: 42803: aggregate functions are not allowed in WHERE
POSITION: 26

SELECT sum(count(*)) FROM emp;
----
ERROR: 42803: aggregate function calls cannot be nested
POSITION: 12

SELECT nofunc(1);
----
ERROR: 42883: function nofunc(integer) does not exist
POSITION: 8
HINT: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT length(1);
----
ERROR: 42883: function length(integer) does not exist
POSITION: 8
HINT: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT 1 FROM nosuch;
----
ERROR: 42P01: relation "nosuch" does not exist
POSITION: 15

SELECT 1 FROM nos.such;
----
ERROR: 42P01: relation "nos.such" does not exist
POSITION: 15

SELECT id FROM emp WHERE id;
----
ERROR: 42804: argument of WHERE must be type boolean, not type integer
POSITION: 26

SELECT id FROM emp WHERE 'x';
----
ERROR: 22P02: invalid input syntax for type boolean: "x"
POSITION: 26

SELECT id FROM emp ORDER BY 5;
----
ERROR: 42P10: ORDER BY position 5 is not in select list
POSITION: 29

SELECT id FROM emp GROUP BY 3;
----
ERROR: 42P10: GROUP BY position 3 is not in select list
POSITION: 29

SELECT id FROM emp LIMIT id;
----
ERROR: 42P10: argument of LIMIT must not contain variables
POSITION: 26

SELECT 'a' COLLATE "C" < 'b';
----
?column?:boolean
t
SELECT 1

SELECT 1 AS a, 2 AS a ORDER BY a;
----
ERROR: 42702: ORDER BY "a" is ambiguous
POSITION: 32

SELECT id AS x FROM emp ORDER BY x + 1;
----
ERROR: 42703: column "x" does not exist
POSITION: 34

SELECT id i, -id j FROM emp ORDER BY j LIMIT 1;
----
i:integer|j:integer
5|-5
SELECT 1

SELECT count(*) AS n FROM emp GROUP BY dept ORDER BY n DESC, dept LIMIT 1;
----
n:bigint
2
SELECT 1

SELECT upper(dept) FROM emp GROUP BY upper(dept) ORDER BY 1;
----
upper:text
ENG
OPS
∅
SELECT 3

SELECT dept || '!' FROM emp GROUP BY dept ORDER BY 1;
----
?column?:text
eng!
ops!
∅
SELECT 3

SELECT length(name) AS l, count(*) FROM emp GROUP BY l ORDER BY l;
----
l:integer|count:bigint
3|5
SELECT 1

SELECT max(salary) - min(salary), count(*) * 2 FROM emp;
----
?column?:numeric|?column?:bigint
3005.25|10
SELECT 1

SELECT count(*) FROM emp WHERE false;
----
count:bigint
0
SELECT 1

SELECT sum(id) FROM emp WHERE false;
----
sum:bigint
∅
SELECT 1

SELECT dept, sum(id) FROM emp WHERE false GROUP BY dept;
----
dept:character varying(10)|sum:bigint
SELECT 0

SELECT 1 WHERE false;
----
?column?:integer
SELECT 0

SELECT 1 HAVING true;
----
?column?:integer
1
SELECT 1

SELECT string_agg(name, ',') FROM emp WHERE id = 1;
----
string_agg:text
Ann
SELECT 1

SELECT stddev(id), variance(id) FROM emp;
----
stddev:numeric|variance:numeric
1.5811388300841897|2.5000000000000000
SELECT 1

SELECT INTERVAL '1' DAY;
----
ERROR: 0A000: an interval restricted to fields is not supported
POSITION: 8

SELECT 0x10;
----
ERROR: 42601: trailing junk after numeric literal at or near "0x"
POSITION: 8

SELECT 1_000;
----
ERROR: 42601: trailing junk after numeric literal at or near "1_"
POSITION: 8

SELECT 'it''s', E'a\tb', $$dollar$$, U&'\0041';
----
?column?:text|?column?:text|?column?:text|?column?:text
it's|a	b|dollar|A
SELECT 1

SELECT "id" FROM emp WHERE "name" = 'Bob';
----
id:integer
2
SELECT 1

SELECT "Id" FROM emp;
----
ERROR: 42703: column "Id" does not exist
POSITION: 8
HINT: Perhaps you meant to reference the column "emp.id".

SELECT emp FROM emp;
----
ERROR: 42703: column "emp" does not exist
POSITION: 8

SELECT current_schema(), current_setting('server_encoding');
----
current_schema:name|current_setting:text
public|UTF8
SELECT 1

SELECT current_setting('nope');
----
ERROR: 42704: unrecognized configuration parameter "nope"

SELECT current_setting('nope', true);
----
current_setting:text
∅
SELECT 1

SELECT pg_typeof(1), pg_typeof(1.5), pg_typeof('x'), pg_typeof(1::int8 + 1), pg_typeof(NULL);
----
pg_typeof:text|pg_typeof:text|pg_typeof:text|pg_typeof:text|pg_typeof:text
integer|numeric|text|bigint|text
SELECT 1

SELECT pg_typeof(-2147483648), pg_typeof(2147483648), pg_typeof(9223372036854775808);
----
pg_typeof:text|pg_typeof:text|pg_typeof:text
integer|bigint|numeric
SELECT 1

INSERT INTO emp (id, name) VALUES (6, 'Fay') RETURNING id, name, dept;
----
id:integer|name:text|dept:character varying(10)
6|Fay|∅
INSERT 0 1

INSERT INTO emp (id, name) VALUES (6, 'Dup');
----
ERROR: 23505: duplicate key value violates unique constraint "emp_pkey"
DETAIL: Key (id)=(6) already exists.

INSERT INTO emp (id, name) VALUES (6, 'Up') ON CONFLICT (id) DO UPDATE SET name = excluded.name || '!' RETURNING name;
----
name:text
Up!
INSERT 0 1

INSERT INTO emp (id, name) VALUES (6, 'No') ON CONFLICT DO NOTHING RETURNING name;
----
name:text
INSERT 0 0

INSERT INTO emp (id, name) VALUES (6, 'No') ON CONFLICT (id) DO UPDATE SET name = name;
----
ERROR: 42702: column reference "name" is ambiguous
POSITION: 83

INSERT INTO emp (id, name, dept) VALUES (7, 'Gil', 'much too long');
----
ERROR: 22001: value too long for type character varying(10)

INSERT INTO emp (id, name, salary) VALUES (7, 'Gil', 123456789.00);
----
ERROR: 22003: numeric field overflow
DETAIL: A field with precision 10, scale 2 must round to an absolute value less than 10^8.

INSERT INTO emp (id) VALUES (7);
----
ERROR: 23502: null value in column "name" of relation "emp" violates not-null constraint
DETAIL: Failing row contains (7, null, null, null, null, null, null, null).

INSERT INTO emp (id, name, id) VALUES (7, 'x', 8);
----
ERROR: 42701: column "id" specified more than once
POSITION: 28

INSERT INTO emp VALUES (7, 'x', 'y', 1, 'bad date');
----
ERROR: 22007: invalid input syntax for type date: "bad date"
POSITION: 41

INSERT INTO emp (id, name) SELECT 8;
----
ERROR: 42601: INSERT has more target columns than expressions
POSITION: 22

INSERT INTO emp (id, name) VALUES (1.6, 'Hal') RETURNING id;
----
ERROR: 23505: duplicate key value violates unique constraint "emp_pkey"
DETAIL: Key (id)=(2) already exists.

UPDATE emp SET salary = salary * 2 WHERE id = 1 RETURNING salary;
----
salary:numeric(10,2)
2001.00
UPDATE 1

UPDATE emp SET salary = 'x' WHERE id = 1;
----
ERROR: 22P02: invalid input syntax for type numeric: "x"
POSITION: 25

UPDATE emp SET nope = 1 WHERE id = 1;
----
ERROR: 42703: column "nope" of relation "emp" does not exist
POSITION: 16

UPDATE emp SET name = NULL WHERE id = 1;
----
ERROR: 23502: null value in column "name" of relation "emp" violates not-null constraint

UPDATE emp SET dept = 1 WHERE id = 1 RETURNING dept;
----
dept:character varying(10)
1
UPDATE 1

UPDATE emp SET active = 1 WHERE id = 1;
----
ERROR: 42804: column "active" is of type boolean but expression is of type integer
POSITION: 25
HINT: You will need to rewrite or cast the expression.

UPDATE emp SET dept = 'a', dept = 'b' WHERE id = 1;
----
ERROR: 42601: multiple assignments to same column "dept"
POSITION: 28

UPDATE emp SET (dept, name) = ('q', 'r') WHERE id = 1 RETURNING dept, name;
----
dept:character varying(10)|name:text
q|r
UPDATE 1

UPDATE emp e SET salary = e.salary + 1 WHERE e.id = 1 RETURNING e.salary;
----
salary:numeric(10,2)
2002.00
UPDATE 1

UPDATE emp SET salary = DEFAULT WHERE id = 99;
----
UPDATE 0

DELETE FROM emp WHERE id = 6 RETURNING *;
----
id:integer|name:text|dept:character varying(10)|salary:numeric(10,2)|hired:date|active:boolean|boss:bigint|note:character(6)
6|Up!|∅|∅|∅|∅|∅|∅
DELETE 1

DELETE FROM emp WHERE id = 6;
----
DELETE 0

CREATE TABLE emp (a int);
----
ERROR: 42P07: relation "emp" already exists

CREATE TABLE bad (a int, a text);
----
ERROR: 42701: column "a" specified more than once
POSITION: 26

CREATE TABLE bad (a nosuchtype);
----
ERROR: 42704: type "nosuchtype" does not exist
POSITION: 21

CREATE TABLE bad (a int PRIMARY KEY, b int PRIMARY KEY);
----
ERROR: 42P16: multiple primary keys for table "bad" are not allowed
POSITION: 44

CREATE TABLE bad (a int, PRIMARY KEY (z));
----
ERROR: 42703: column "z" named in key does not exist
POSITION: 26

CREATE TABLE bad (a int DEFAULT 'x');
----
ERROR: 22P02: invalid input syntax for type integer: "x"
POSITION: 33

CREATE TABLE bad (a int DEFAULT b);
----
ERROR: 0A000: cannot use column reference in DEFAULT expression
POSITION: 33

CREATE TABLE bad (a int CHECK (a));
----
ERROR: 42804: argument of CHECK must be type boolean, not type integer
POSITION: 32

CREATE TABLE bad (a varchar(0));
----
ERROR: 22023: length for type varchar must be at least 1
POSITION: 21

DROP TABLE nosuch;
----
ERROR: 42P01: table "nosuch" does not exist

SET nosuch = 1;
----
ERROR: 42704: unrecognized configuration parameter "nosuch"

SET statement_timeout = 'abc';
----
ERROR: 22023: invalid value for parameter "statement_timeout": "abc"
HINT: Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".

SET client_min_messages = 'loud';
----
ERROR: 22023: invalid value for parameter "client_min_messages": "loud"
HINT: Available values: debug5, debug4, debug3, debug2, debug1, log, notice, warning, error.

SET server_version = '16';
----
ERROR: 55P02: parameter "server_version" cannot be changed

SHOW nosuch;
----
ERROR: 42704: unrecognized configuration parameter "nosuch"

PREPARE p1 (int) AS SELECT name FROM emp WHERE id = $1;
----
PREPARE

EXECUTE p1(2);
----
name:text
Bob
SELECT 1

EXECUTE p1('2');
----
name:text
Bob
SELECT 1

EXECUTE p1(1, 2);
----
ERROR: 42601: wrong number of parameters for prepared statement "p1"
DETAIL: Expected 1 parameters but got 2.

EXECUTE nosuch;
----
ERROR: 26000: prepared statement "nosuch" does not exist

PREPARE p1 AS SELECT 1;
----
ERROR: 42P05: prepared statement "p1" already exists

DEALLOCATE p1;
----
DEALLOCATE

DEALLOCATE p1;
----
ERROR: 26000: prepared statement "p1" does not exist

SELECT $1;
----
ERROR: 42P02: there is no parameter $1

SELECT id FROM emp WHERE id = 2147483648;
----
id:integer
SELECT 0

SELECT id FROM emp WHERE id = 2.0;
----
id:integer
2
SELECT 1

SELECT id FROM emp WHERE id = '2';
----
id:integer
2
SELECT 1

SELECT id FROM emp WHERE id = 2::smallint;
----
id:integer
2
SELECT 1

SELECT id FROM emp WHERE id < 2.5 ORDER BY id;
----
id:integer
1
2
SELECT 2

SELECT id FROM emp WHERE name = 'Bob'::varchar;
----
id:integer
2
SELECT 1

SELECT id FROM emp WHERE boss = 1 ORDER BY id;
----
id:integer
2
3
SELECT 2

SELECT boss + id FROM emp WHERE id = 2;
----
?column?:bigint
3
SELECT 1

SELECT id FROM emp WHERE id = ANY (ARRAY[1, 2]) ORDER BY id;
----
id:integer
1
2
SELECT 2

SELECT id FROM emp WHERE id <> ALL (ARRAY[1, 2]) ORDER BY id;
----
id:integer
3
4
5
SELECT 3

COMMIT;
----
WARNING: 25P01: there is no transaction in progress
COMMIT

ROLLBACK;
----
WARNING: 25P01: there is no transaction in progress
ROLLBACK

