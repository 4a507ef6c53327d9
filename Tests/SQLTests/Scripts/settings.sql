# SET, SHOW, RESET and their functions.
SHOW TimeZone;
----
TimeZone:text
UTC
SHOW

SET TIME ZONE 'Europe/Berlin';
----
PARAMETER: TimeZone = Europe/Berlin
SET

SELECT timestamptz '2024-07-01 12:00:00+00';
----
timestamptz:timestamp with time zone
2024-07-01 14:00:00+02
SELECT 1

SET datestyle = 'German';
----
PARAMETER: DateStyle = German, DMY
SET

SELECT date '2024-07-01';
----
date:date
01.07.2024
SELECT 1

RESET ALL;
----
PARAMETER: DateStyle = ISO, MDY
PARAMETER: TimeZone = UTC
RESET

SET LOCAL work_mem = '1MB';
----
WARNING: 25P01: SET LOCAL can only be used in transaction blocks
SET

SHOW work_mem;
----
work_mem:text
64MB
SHOW

SET search_path TO public, "Odd Name";
----
SET

SHOW search_path;
----
search_path:text
public, "Odd Name"
SHOW

SELECT set_config('application_name', 'me', false), current_setting('application_name');
----
PARAMETER: application_name = me
set_config:text|current_setting:text
me|me
SELECT 1

SET myapp.user = 'x';
----
ERROR: 42601: syntax error at or near "user"
POSITION: 11

SHOW myapp.user;
----
ERROR: 42601: syntax error at or near "user"
POSITION: 12

SET client_encoding = 'LATIN1';
----
ERROR: 0A000: the client encoding "LATIN1" is not supported
HINT: Use UTF8.

SET standard_conforming_strings = off;
----
ERROR: 0A000: standard_conforming_strings = off is not supported
HINT: Write E'…' for strings with backslash escapes.

SET extra_float_digits = 9;
----
ERROR: 22023: 9 is outside the valid range for parameter "extra_float_digits" (-15 .. 3)

SET statement_timeout = '2min';
----
SET

SHOW statement_timeout;
----
statement_timeout:text
2min
SHOW

SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;
----
PARAMETER: default_transaction_read_only = on
SET

CREATE TABLE t (a int);
----
ERROR: 25006: cannot execute CREATE TABLE in a read-only transaction

SHOW default_transaction_read_only;
----
default_transaction_read_only:text
on
SHOW

DISCARD ALL;
----
PARAMETER: application_name = 
PARAMETER: default_transaction_read_only = off
DISCARD ALL

SHOW default_transaction_read_only;
----
default_transaction_read_only:text
off
SHOW

SHOW TRANSACTION ISOLATION LEVEL;
----
transaction_isolation:text
read committed
SHOW

SET in_hot_standby = on;
----
ERROR: 55P02: parameter "in_hot_standby" cannot be changed

SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;
----
pg_advisory_unlock_all:void
(nothing)
SELECT 1
CLOSE CURSOR ALL
UNLISTEN
RESET

VACUUM;
----
VACUUM

ANALYZE nosuch;
----
ERROR: 42P01: relation "nosuch" does not exist
POSITION: 9

LISTEN x;
----
ERROR: 0A000: LISTEN is not supported

