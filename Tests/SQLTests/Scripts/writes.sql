# What INSERT, UPDATE and DELETE accept and refuse.
CREATE TABLE a (x int, y bigint, s varchar(3), PRIMARY KEY ((x) HASH, y DESC));
----
CREATE TABLE

INSERT INTO a VALUES (1, 1, 'abcd');
----
ERROR: 22001: value too long for type character varying(3)

INSERT INTO a VALUES (1, 1, 'abc'), (1, 2, 'b'), (1, 3, NULL);
----
INSERT 0 3

SELECT * FROM a WHERE x = 1;
----
x:integer|y:bigint|s:character varying(3)
1|3|∅
1|2|b
1|1|abc
SELECT 3

SELECT y FROM a WHERE x = 1 AND y >= 2;
----
y:bigint
3
2
SELECT 2

SELECT y FROM a WHERE x = 1 ORDER BY y DESC LIMIT 1;
----
y:bigint
3
SELECT 1

UPDATE a SET s = 'z' WHERE x = 1;
----
UPDATE 3

DELETE FROM a WHERE x = 1 AND y < 3 RETURNING y, s;
----
y:bigint|s:character varying(3)
2|z
1|z
DELETE 2

INSERT INTO a VALUES (1, 3, 'n') ON CONFLICT (x, y) DO UPDATE SET s = excluded.s RETURNING s;
----
s:character varying(3)
n
INSERT 0 1

INSERT INTO a VALUES (1, 3, 'm') ON CONFLICT DO NOTHING;
----
INSERT 0 0

INSERT INTO a VALUES (1, 3, 'm') ON CONFLICT (s) DO NOTHING;
----
ERROR: 42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification

INSERT INTO a (x, y, q) VALUES (1, 2, 3);
----
ERROR: 42703: column "q" of relation "a" does not exist
POSITION: 22

INSERT INTO a (x, y) VALUES (1, 2, 3);
----
ERROR: 42601: INSERT has more expressions than target columns
POSITION: 36

INSERT INTO a (x, y, s) VALUES (1, 2);
----
ERROR: 42601: INSERT has more target columns than expressions
POSITION: 22

INSERT INTO a VALUES ('one', 2);
----
ERROR: 22P02: invalid input syntax for type integer: "one"
POSITION: 23

INSERT INTO a VALUES (true, 2);
----
ERROR: 42804: column "x" is of type integer but expression is of type boolean
POSITION: 23
HINT: You will need to rewrite or cast the expression.

UPDATE a SET x = 2 WHERE x = 1 AND y = 3;
----
UPDATE 1

UPDATE a SET x = 1 WHERE x = 2;
----
UPDATE 1

UPDATE a SET s = s || s || s || s WHERE x = 1 AND y = 3;
----
ERROR: 22001: value too long for type character varying(3)

CREATE TABLE s (id serial PRIMARY KEY, b bigint GENERATED ALWAYS AS IDENTITY, v numeric(5,2) CHECK (v > 0));
----
CREATE TABLE

INSERT INTO s (v) VALUES (1.239), (2) RETURNING *;
----
id:integer|b:bigint|v:numeric(5,2)
1|1|1.24
2|2|2.00
INSERT 0 2

INSERT INTO s (v) VALUES (-1);
----
ERROR: 23514: new row for relation "s" violates check constraint "s_v_check"
DETAIL: Failing row contains (3, 3, -1.00).

INSERT INTO s (b, v) VALUES (1, 1);
----
ERROR: 428C9: cannot insert a non-DEFAULT value into column "b"
POSITION: 30
DETAIL: Column "b" is an identity column defined as GENERATED ALWAYS.
HINT: Use OVERRIDING SYSTEM VALUE to override.

SELECT nextval('s_id_seq'), currval('s_id_seq'), lastval();
----
nextval:bigint|currval:bigint|lastval:bigint
4|4|4
SELECT 1

INSERT INTO s DEFAULT VALUES RETURNING id;
----
id:integer
5
INSERT 0 1

INSERT INTO s (v) SELECT i FROM generate_series(1, 3) AS i;
----
INSERT 0 3

SELECT id, v FROM s ORDER BY id;
----
id:integer|v:numeric(5,2)
1|1.24
2|2.00
5|∅
6|1.00
7|2.00
8|3.00
SELECT 6

CREATE TABLE r (k text, PRIMARY KEY (k ASC)) SPLIT AT VALUES (('g'), ('p'));
----
CREATE TABLE

INSERT INTO r VALUES ('a'), ('h'), ('z');
----
INSERT 0 3

SELECT * FROM r WHERE k > 'b' AND k <= 'z';
----
k:text
h
z
SELECT 2

SELECT * FROM r ORDER BY k DESC;
----
k:text
z
h
a
SELECT 3

SELECT table_name, sharding, primary_key, tablets FROM sys.tables ORDER BY table_name;
----
table_name:text|sharding:text|primary_key:text|tablets:bigint
a|hash|(x) HASH, y DESC|3
r|range|k ASC|3
s|hash|(id) HASH|3
SELECT 3

CREATE TABLE n (a int, b text);
----
CREATE TABLE

INSERT INTO n VALUES (1, 'x'), (2, 'y');
----
INSERT 0 2

ALTER TABLE n ADD PRIMARY KEY (a);
----
ALTER TABLE

SELECT * FROM n WHERE a = 2;
----
a:integer|b:text
2|y
SELECT 1

ALTER TABLE n ADD PRIMARY KEY (a);
----
ERROR: 42P16: multiple primary keys for table "n" are not allowed

INSERT INTO n VALUES (1, 'again');
----
ERROR: 23505: duplicate key value violates unique constraint "n_pkey"
DETAIL: Key (a)=(1) already exists.

TRUNCATE n;
----
TRUNCATE TABLE

SELECT count(*) FROM n;
----
count:bigint
0
SELECT 1

-- Rows of a query are written as they come, in one transaction: work_mem does not bound them.
CREATE TABLE many (id int PRIMARY KEY, n int);
----
CREATE TABLE

CREATE TABLE copies (id int PRIMARY KEY, n int);
----
CREATE TABLE

SET work_mem = '64kB';
----
SET

INSERT INTO many SELECT g, g % 7 FROM generate_series(1, 9500) g;
----
INSERT 0 9500

INSERT INTO copies SELECT id, n FROM many;
----
INSERT 0 9500

SELECT count(*), sum(n), min(id), max(id) FROM copies;
----
count:bigint|sum:bigint|min:integer|max:integer
9500|28498|1|9500
SELECT 1

-- The last row has a key that is taken: nothing of the others stays.
INSERT INTO copies SELECT 20000 - g, 0 FROM generate_series(1, 10500) g;
----
ERROR: 23505: duplicate key value violates unique constraint "copies_pkey"
DETAIL: Key (id)=(9500) already exists.

SELECT count(*) FROM copies;
----
count:bigint
9500
SELECT 1

INSERT INTO copies SELECT 20000 - g, 0 FROM generate_series(1, 10500) g ON CONFLICT DO NOTHING;
----
INSERT 0 10499

SELECT count(*) FROM copies;
----
count:bigint
19999
SELECT 1

-- A query of the table itself has to be over before its rows are written.
INSERT INTO many SELECT id + 10000, n FROM many;
----
ERROR: 53200: out of memory
DETAIL: INSERT … SELECT from the table itself, or with DO UPDATE, needs more than 64 kB.
HINT: Add a WHERE or LIMIT, or raise work_mem.

SET work_mem = '64MB';
----
SET

INSERT INTO many SELECT id + 10000, n FROM many;
----
INSERT 0 9500

SELECT count(*) FROM many;
----
count:bigint
19000
SELECT 1

RESET work_mem;
----
RESET

DROP TABLE many, copies;
----
DROP TABLE

