# COPY in both directions.
CREATE TABLE c (id int PRIMARY KEY, t text, v numeric(6,2) NOT NULL DEFAULT 0);
----
CREATE TABLE

COPY c FROM STDIN;
<1	plain	1.5
<2	tab\there\\	2
<3	\N	3
<\.
<ignored
----
COPY IN 3
COPY 3

COPY c TO STDOUT;
----
COPY OUT 3
3	\N	3.00
2	tab\there\\	2.00
1	plain	1.50
COPY END
COPY 3

COPY (SELECT id, t FROM c ORDER BY id DESC) TO STDOUT WITH (FORMAT csv, HEADER);
----
COPY OUT 2
id,t
3,
2,tab	here\
1,plain
COPY END
COPY 3

COPY c (id, t) FROM STDIN WITH (FORMAT csv, HEADER true, DELIMITER ';', NULL 'nil');
<id;t
<10;"a;b ""q"""
<11;nil
<12;"nil"
<13;"two
<lines"
----
COPY IN 2
COPY 4

COPY (SELECT id, t FROM c WHERE id >= 10 ORDER BY id) TO STDOUT (FORMAT csv, FORCE_QUOTE (t), NULL 'nil');
----
COPY OUT 2
10,"a;b ""q"""
11,nil
12,"nil"
13,"two
lines"
COPY END
COPY 4

COPY c FROM STDIN;
<20	x	not a number
----
COPY IN 3
ERROR: 22P02: invalid input syntax for type numeric: "not a number"
CONTEXT: COPY c, line 1, column v: "not a number"

COPY c FROM STDIN;
<20	x
----
COPY IN 3
ERROR: 22P04: missing data for column "v"
CONTEXT: COPY c, line 1: "20	x"

COPY c FROM STDIN;
<20	x	1	2
----
COPY IN 3
ERROR: 22P04: extra data after last expected column
CONTEXT: COPY c, line 1: "20	x	1	2"

COPY c FROM STDIN;
<20	x	\N
----
COPY IN 3
ERROR: 23502: null value in column "v" of relation "c" violates not-null constraint
DETAIL: Failing row contains (20, x, null).
CONTEXT: COPY c, line 1: "20	x	\N"

COPY c FROM STDIN;
<1	dup	1
----
COPY IN 3
ERROR: 23505: duplicate key value violates unique constraint "c_pkey"
DETAIL: Key (id)=(1) already exists.
CONTEXT: COPY c, line 1

COPY c (id) FROM STDIN WITH (freeze on);
<30
<31
----
COPY IN 1
COPY 2

COPY c FROM STDIN WITH DELIMITER AS ',' NULL AS 'x';
<40,x,4
----
COPY IN 3
COPY 1

COPY c FROM STDIN CSV QUOTE AS '''' ESCAPE AS '\';
<50,'it\'s',5
----
COPY IN 3
COPY 1

SELECT * FROM c WHERE id >= 30 ORDER BY id;
----
id:integer|t:text|v:numeric(6,2)
30|∅|0.00
31|∅|0.00
40|∅|4.00
50|it's|5.00
SELECT 4

COPY c FROM STDIN WITH (FORMAT csv) WHERE id > 61;
<60,a,1
<62,b,1
----
COPY IN 3
COPY 1

COPY c FROM '/etc/passwd';
----
ERROR: 0A000: COPY with a file of the server is not supported
HINT: Use COPY … FROM STDIN or TO STDOUT; psql's \copy does so for files of the client.

COPY c (id, nope) FROM STDIN;
----
ERROR: 42703: column "nope" of relation "c" does not exist

COPY c TO STDOUT (FORMAT xml);
----
ERROR: 22023: COPY format "xml" not recognized
POSITION: 19

COPY c TO STDOUT (DELIMITER 'ab');
----
ERROR: 0A000: COPY delimiter must be a single one-byte character
POSITION: 19

COPY missing FROM STDIN;
----
ERROR: 42P01: relation "missing" does not exist
POSITION: 6

