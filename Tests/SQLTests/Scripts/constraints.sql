# Foreign keys, unique and check constraints.
CREATE TABLE p (id int PRIMARY KEY, code text UNIQUE, v int);
----
CREATE TABLE

CREATE TABLE c (id int PRIMARY KEY, pid int REFERENCES p, code text REFERENCES p (code));
----
CREATE TABLE

INSERT INTO p VALUES (1, 'a', 0), (2, 'b', 0), (3, NULL, 0);
----
INSERT 0 3

INSERT INTO c VALUES (1, 1, 'a'), (2, NULL, 'b'), (3, 3, NULL);
----
INSERT 0 3

INSERT INTO c VALUES (4, 7, NULL);
----
ERROR: 23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL: Key (pid)=(7) is not present in table "p".

INSERT INTO c VALUES (4, 1, 'z');
----
ERROR: 23503: insert or update on table "c" violates foreign key constraint "c_code_fkey"
DETAIL: Key (code)=(z) is not present in table "p".

UPDATE c SET pid = 9 WHERE id = 1;
----
ERROR: 23503: insert or update on table "c" violates foreign key constraint "c_pid_fkey"
DETAIL: Key (pid)=(9) is not present in table "p".

UPDATE c SET pid = 2 WHERE id = 1;
----
UPDATE 1

DELETE FROM p WHERE id = 2;
----
ERROR: 23503: update or delete on table "p" violates foreign key constraint "c_pid_fkey" on table "c"
DETAIL: Key (id)=(2) is still referenced from table "c".

UPDATE p SET code = 'q' WHERE id = 2;
----
ERROR: 23503: update or delete on table "p" violates foreign key constraint "c_code_fkey" on table "c"
DETAIL: Key (code)=(b) is still referenced from table "c".

UPDATE p SET v = 1;
----
UPDATE 3

DELETE FROM p WHERE id = 1;
----
ERROR: 23503: update or delete on table "p" violates foreign key constraint "c_code_fkey" on table "c"
DETAIL: Key (code)=(a) is still referenced from table "c".

UPDATE c SET code = NULL WHERE code = 'a';
----
UPDATE 1

DELETE FROM p WHERE id = 1;
----
DELETE 1

TRUNCATE p;
----
ERROR: 0A000: cannot truncate a table referenced in a foreign key constraint
DETAIL: Table "c" references "p".
HINT: Truncate table "c" at the same time, or use TRUNCATE ... CASCADE.

DROP TABLE p;
----
ERROR: 2BP01: cannot drop table p because other objects depend on it
DETAIL: constraint c_pid_fkey on table c depends on table p
constraint c_code_fkey on table c depends on table p
HINT: Use DROP ... CASCADE to drop the dependent objects too.

DROP INDEX p_code_key;
----
ERROR: 2BP01: cannot drop index p_code_key because constraint p_code_key on table p requires it
HINT: You can drop constraint p_code_key on table p instead.

ALTER TABLE p DROP CONSTRAINT p_code_key;
----
ERROR: 2BP01: cannot drop constraint p_code_key on table p because other objects depend on it
DETAIL: constraint c_code_fkey on table c depends on constraint p_code_key on table p
HINT: Use DROP ... CASCADE to drop the dependent objects too.

SELECT conname, contype, condef FROM pg_constraint WHERE conrelid IN (SELECT 1);
----
ERROR: 0A000: a subquery in an expression is not supported
POSITION: 67
HINT: Run it as a statement of its own, and use its result.

SELECT conname, contype, condef FROM pg_constraint ORDER BY 1;
----
conname:name|contype:text|condef:text
c_code_fkey|f|FOREIGN KEY (code) REFERENCES p(code)
c_pid_fkey|f|FOREIGN KEY (pid) REFERENCES p(id)
c_pkey|p|PRIMARY KEY (id)
p_code_key|u|UNIQUE (code)
p_pkey|p|PRIMARY KEY (id)
SELECT 5

SELECT constraint_name, constraint_type FROM information_schema.table_constraints ORDER BY 1;
----
constraint_name:name|constraint_type:text
c_code_fkey|FOREIGN KEY
c_pid_fkey|FOREIGN KEY
c_pkey|PRIMARY KEY
p_code_key|UNIQUE
p_pkey|PRIMARY KEY
SELECT 5

SELECT constraint_name, unique_constraint_name, update_rule, delete_rule FROM information_schema.referential_constraints ORDER BY 1;
----
constraint_name:name|unique_constraint_name:name|update_rule:text|delete_rule:text
c_code_fkey|p_code_key|NO ACTION|NO ACTION
c_pid_fkey|p_pkey|NO ACTION|NO ACTION
SELECT 2

SELECT constraint_name, column_name, ordinal_position, position_in_unique_constraint FROM information_schema.key_column_usage ORDER BY 1, 3;
----
constraint_name:name|column_name:name|ordinal_position:integer|position_in_unique_constraint:integer
c_code_fkey|code|1|1
c_pid_fkey|pid|1|1
c_pkey|id|1|∅
p_code_key|code|1|∅
p_pkey|id|1|∅
SELECT 5

DROP TABLE p CASCADE;
----
NOTICE: 00000: drop cascades to 2 other objects
DETAIL: drop cascades to constraint c_pid_fkey on table c
drop cascades to constraint c_code_fkey on table c
DROP TABLE

INSERT INTO c VALUES (9, 99, 'zz');
----
INSERT 0 1

DROP TABLE c;
----
DROP TABLE

# Actions.
CREATE TABLE p (id int PRIMARY KEY, k int UNIQUE);
----
CREATE TABLE

CREATE TABLE casc (id int PRIMARY KEY, k int REFERENCES p (k) ON DELETE CASCADE ON UPDATE CASCADE);
----
CREATE TABLE

CREATE TABLE leaf (id int PRIMARY KEY, cid int REFERENCES casc ON DELETE CASCADE);
----
CREATE TABLE

CREATE INDEX ON leaf (cid);
----
CREATE INDEX

CREATE TABLE nul (id int PRIMARY KEY, k int REFERENCES p (k) ON DELETE SET NULL ON UPDATE SET NULL);
----
CREATE TABLE

CREATE TABLE def (id int PRIMARY KEY, k int DEFAULT 0 REFERENCES p (k) ON DELETE SET DEFAULT ON UPDATE SET DEFAULT);
----
CREATE TABLE

INSERT INTO p VALUES (0, 0), (1, 10), (2, 20), (3, 30);
----
INSERT 0 4

INSERT INTO casc VALUES (1, 10), (2, 20), (3, NULL);
----
INSERT 0 3

INSERT INTO leaf VALUES (1, 1), (2, 1), (3, 2);
----
INSERT 0 3

INSERT INTO nul VALUES (1, 10), (2, 20);
----
INSERT 0 2

INSERT INTO def VALUES (1, 10), (2, 20);
----
INSERT 0 2

DELETE FROM p WHERE id = 1;
----
DELETE 1

SELECT * FROM casc ORDER BY id;
----
id:integer|k:integer
2|20
3|∅
SELECT 2

SELECT * FROM leaf ORDER BY id;
----
id:integer|cid:integer
3|2
SELECT 1

SELECT * FROM nul ORDER BY id;
----
id:integer|k:integer
1|∅
2|20
SELECT 2

SELECT * FROM def ORDER BY id;
----
id:integer|k:integer
1|0
2|20
SELECT 2

UPDATE p SET k = k + 1 WHERE k >= 20;
----
UPDATE 2

SELECT * FROM casc ORDER BY id;
----
id:integer|k:integer
2|21
3|∅
SELECT 2

SELECT * FROM nul ORDER BY id;
----
id:integer|k:integer
1|∅
2|∅
SELECT 2

SELECT * FROM def ORDER BY id;
----
id:integer|k:integer
1|0
2|0
SELECT 2

DELETE FROM p WHERE k = 0;
----
ERROR: 23503: update or delete on table "p" violates foreign key constraint "def_k_fkey" on table "def"
DETAIL: Key (k)=(0) is still referenced from table "def".

DROP TABLE leaf, casc, nul, def, p;
----
DROP TABLE

# A table that refers to itself, several columns, MATCH FULL.
CREATE TABLE emp (id int PRIMARY KEY, boss int REFERENCES emp ON DELETE CASCADE);
----
CREATE TABLE

INSERT INTO emp VALUES (1, NULL), (2, 1), (3, 2), (4, 4);
----
INSERT 0 4

INSERT INTO emp VALUES (5, 6);
----
ERROR: 23503: insert or update on table "emp" violates foreign key constraint "emp_boss_fkey"
DETAIL: Key (boss)=(6) is not present in table "emp".

DELETE FROM emp WHERE id = 1;
----
DELETE 1

SELECT * FROM emp;
----
id:integer|boss:integer
4|4
SELECT 1

CREATE TABLE pp (a int, b bigint, PRIMARY KEY (a, b));
----
CREATE TABLE

CREATE TABLE cc (id int PRIMARY KEY, x bigint, y int, CONSTRAINT cc_full FOREIGN KEY (y, x) REFERENCES pp (a, b) MATCH FULL ON DELETE RESTRICT);
----
CREATE TABLE

INSERT INTO pp VALUES (1, 1), (1, 2);
----
INSERT 0 2

INSERT INTO cc VALUES (1, 2, 1), (2, NULL, NULL);
----
INSERT 0 2

INSERT INTO cc VALUES (3, NULL, 1);
----
ERROR: 23503: insert or update on table "cc" violates foreign key constraint "cc_full"
DETAIL: MATCH FULL does not allow mixing of null and nonnull key values.

INSERT INTO cc VALUES (3, 1, 2);
----
ERROR: 23503: insert or update on table "cc" violates foreign key constraint "cc_full"
DETAIL: Key (y, x)=(2, 1) is not present in table "pp".

DELETE FROM pp WHERE a = 1 AND b = 2;
----
ERROR: 23503: update or delete on table "pp" violates foreign key constraint "cc_full" on table "cc"
DETAIL: Key (a, b)=(1, 2) is still referenced from table "cc".

DELETE FROM pp WHERE a = 1 AND b = 1;
----
DELETE 1

TRUNCATE pp, cc;
----
TRUNCATE TABLE

DROP TABLE pp, cc, emp;
----
DROP TABLE

# Constraints that come later.
CREATE TABLE p (id int PRIMARY KEY, v int);
----
CREATE TABLE

CREATE TABLE c (id int PRIMARY KEY, pid int, w int);
----
CREATE TABLE

INSERT INTO p VALUES (1, 1), (2, 1);
----
INSERT 0 2

INSERT INTO c VALUES (1, 1, 5), (2, 3, 6);
----
INSERT 0 2

ALTER TABLE c ADD CONSTRAINT c_fk FOREIGN KEY (pid) REFERENCES p;
----
ERROR: 23503: insert or update on table "c" violates foreign key constraint "c_fk"
DETAIL: Key (pid)=(3) is not present in table "p".

ALTER TABLE c ADD CONSTRAINT c_fk FOREIGN KEY (pid) REFERENCES p NOT VALID;
----
ALTER TABLE

INSERT INTO c VALUES (3, 3, 6);
----
ERROR: 23503: insert or update on table "c" violates foreign key constraint "c_fk"
DETAIL: Key (pid)=(3) is not present in table "p".

ALTER TABLE c VALIDATE CONSTRAINT c_fk;
----
ERROR: 23503: insert or update on table "c" violates foreign key constraint "c_fk"
DETAIL: Key (pid)=(3) is not present in table "p".

UPDATE c SET pid = 2 WHERE id = 2;
----
UPDATE 1

ALTER TABLE c VALIDATE CONSTRAINT c_fk;
----
ALTER TABLE

ALTER TABLE c ADD FOREIGN KEY (pid) REFERENCES p;
----
ALTER TABLE

ALTER TABLE p ADD UNIQUE (v);
----
ERROR: 23505: could not create unique index "p_v_key"
DETAIL: Key (v)=(1) is duplicated.

ALTER TABLE p ADD CONSTRAINT p_v_id UNIQUE (v, id);
----
ALTER TABLE

ALTER TABLE p ADD CHECK (v < 1);
----
ERROR: 23514: check constraint "p_v_check" of relation "p" is violated by some row

ALTER TABLE p ADD CHECK (v < 10);
----
ALTER TABLE

INSERT INTO p VALUES (3, 11);
----
ERROR: 23514: new row for relation "p" violates check constraint "p_v_check"
DETAIL: Failing row contains (3, 11).

ALTER TABLE p DROP CONSTRAINT p_v_check;
----
ALTER TABLE

INSERT INTO p VALUES (3, 11);
----
INSERT 0 1

ALTER TABLE p DROP CONSTRAINT p_v_check;
----
ERROR: 42704: constraint "p_v_check" of relation "p" does not exist

ALTER TABLE p DROP CONSTRAINT IF EXISTS p_v_check;
----
NOTICE: 00000: constraint "p_v_check" of relation "p" does not exist, skipping
ALTER TABLE

ALTER TABLE p DROP CONSTRAINT p_pkey;
----
ERROR: 0A000: dropping the primary key is not supported
HINT: Create a table without it, and copy the rows.

ALTER TABLE p ADD COLUMN note text;
----
ALTER TABLE

ALTER TABLE p ADD COLUMN IF NOT EXISTS note text;
----
NOTICE: 42701: column "note" of relation "p" already exists, skipping
ALTER TABLE

ALTER TABLE p ADD COLUMN n int DEFAULT 5;
----
ERROR: 0A000: adding a column with a default or a constraint is not supported
POSITION: 26
HINT: Add the column alone, fill it with UPDATE, then add the constraint.

UPDATE p SET note = 'x' WHERE id = 1;
----
UPDATE 1

SELECT * FROM p ORDER BY id;
----
id:integer|v:integer|note:text
1|1|x
2|1|∅
3|11|∅
SELECT 3

CREATE INDEX ON p (note);
----
CREATE INDEX

SELECT id FROM p WHERE note = 'x';
----
id:integer
1
SELECT 1

ALTER TABLE c DROP CONSTRAINT c_fk;
----
ALTER TABLE

ALTER TABLE c ALTER COLUMN w SET NOT NULL;
----
ERROR: 0A000: this form of ALTER TABLE is not supported
HINT: The supported forms add or drop a constraint, or add a column; one at a time.

# What is refused.
CREATE TABLE bad (a int REFERENCES nothing);
----
ERROR: 42P01: relation "nothing" does not exist
POSITION: 36

CREATE TABLE bad (a int REFERENCES p (v));
----
ERROR: 42830: there is no unique constraint matching given keys for referenced table "p"
POSITION: 25

CREATE TABLE bad (a text REFERENCES p);
----
ERROR: 42804: foreign key constraint "bad_a_fkey" cannot be implemented
POSITION: 26
DETAIL: Key columns "a" and "id" are of incompatible types: text and integer.

CREATE TABLE bad (a int, FOREIGN KEY (a, b) REFERENCES p);
----
ERROR: 42703: column "b" referenced in foreign key constraint does not exist
POSITION: 26

CREATE TABLE bad (a int, b int, FOREIGN KEY (a, b) REFERENCES p (id));
----
ERROR: 42830: number of referencing and referenced columns for foreign key disagree
POSITION: 33

CREATE TABLE bad (a int REFERENCES p DEFERRABLE INITIALLY DEFERRED);
----
ERROR: 0A000: a deferrable constraint is not supported
POSITION: 38

CREATE TABLE bad (a int UNIQUE DEFERRABLE);
----
ERROR: 0A000: a deferrable constraint is not supported
POSITION: 32

CREATE TABLE bad (a int REFERENCES p NOT DEFERRABLE);
----
CREATE TABLE

CREATE TABLE bad2 (a int, UNIQUE (b));
----
ERROR: 42703: column "b" named in key does not exist
POSITION: 27

CREATE TABLE bad2 (a int, UNIQUE (a, a));
----
ERROR: 42701: column "a" appears twice in unique constraint
POSITION: 27

CREATE TABLE bad2 (a json UNIQUE);
----
ERROR: 42704: data type json has no default operator class for access method "btree"
POSITION: 27
HINT: You must specify an operator class for the index or define a default operator class for the data type.

