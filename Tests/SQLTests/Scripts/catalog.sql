# System views are relations like any other.
CREATE TABLE item (id bigserial PRIMARY KEY, name varchar(20) NOT NULL DEFAULT 'none', price numeric(8,2) CHECK (price >= 0), made timestamp(3));
----
CREATE TABLE

SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_schema = 'public';
----
table_schema:name|table_name:name|table_type:text
public|item|BASE TABLE
SELECT 1

SELECT column_name, data_type, is_nullable, column_default, character_maximum_length, numeric_precision FROM information_schema.columns WHERE table_name = 'item' ORDER BY ordinal_position;
----
column_name:name|data_type:text|is_nullable:text|column_default:text|character_maximum_length:integer|numeric_precision:integer
id|bigint|NO|nextval('item_id_seq'::regclass)|∅|64
name|character varying|NO|'none'::character varying|20|∅
price|numeric|YES|∅|∅|8
made|timestamp without time zone|YES|∅|∅|∅
SELECT 4

SELECT constraint_name, constraint_type FROM information_schema.table_constraints ORDER BY 1;
----
constraint_name:name|constraint_type:text
item_pkey|PRIMARY KEY
item_price_check|CHECK
SELECT 2

SELECT relname, relkind FROM pg_class WHERE relnamespace = 2200;
----
relname:name|relkind:text
item|r
item_pkey|i
SELECT 2

SELECT attname, atttypid, atttypmod, attnotnull FROM pg_catalog.pg_attribute WHERE attrelid = '16384' AND attnum > 0 ORDER BY attnum;
----
attname:name|atttypid:oid|atttypmod:integer|attnotnull:boolean
id|20|-1|t
name|1043|24|t
price|1700|524294|f
made|1114|3|f
SELECT 4

SELECT oid, typname, typlen FROM pg_type WHERE typname IN ('int4', 'text', 'bpchar') ORDER BY oid;
----
oid:oid|typname:name|typlen:smallint
23|int4|4
25|text|-1
1042|bpchar|-1
SELECT 3

SELECT tablename FROM pg_tables WHERE schemaname = 'public';
----
tablename:name
item
SELECT 1

SELECT name, setting, unit FROM pg_settings WHERE name IN ('max_index_keys', 'statement_timeout', 'TimeZone');
----
name:text|setting:text|unit:text
max_index_keys|32|∅
statement_timeout|0|ms
TimeZone|UTC|∅
SELECT 3

SELECT nspname FROM pg_namespace ORDER BY oid;
----
nspname:name
pg_catalog
public
information_schema
sys
SELECT 4

SELECT node, zone, is_live, leaders FROM sys.nodes ORDER BY node;
----
node:bigint|zone:text|is_live:boolean|leaders:bigint
1|z1|t|1
2|z2|t|1
3|z3|t|1
SELECT 3

SELECT table_name, count(*) FROM sys.tablets GROUP BY table_name;
----
table_name:text|count:bigint
item|3
SELECT 1

SELECT current_database(), current_user, current_schema(), pg_is_in_recovery(), pg_backend_pid();
----
current_database:name|current_user:name|current_schema:name|pg_is_in_recovery:boolean|pg_backend_pid:integer
apus|tester|public|f|42
SELECT 1

INSERT INTO pg_class VALUES (1);
----
ERROR: 42501: permission denied: "pg_catalog.pg_class" is a system view
POSITION: 13

DROP TABLE pg_class;
----
ERROR: 42501: permission denied: "pg_catalog.pg_class" is a system view

CREATE TABLE pg_catalog.x (a int);
----
ERROR: 42501: permission denied for schema pg_catalog
POSITION: 14

