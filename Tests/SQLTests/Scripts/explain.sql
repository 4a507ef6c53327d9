# Plans: what runs where.
CREATE TABLE acc (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
----
CREATE TABLE

CREATE TABLE ev (k text, at bigint, v int, PRIMARY KEY ((k) HASH, at DESC));
----
CREATE TABLE

CREATE TABLE rg (a int, b int, PRIMARY KEY (a ASC, b ASC)) SPLIT AT VALUES ((10), (20));
----
CREATE TABLE

EXPLAIN SELECT abalance FROM acc WHERE aid = 5;
----
QUERY PLAN:text
Index Scan using acc_pkey on acc  (cost=0.00..0.01 rows=1 width=4)
  Index Cond: (aid = 5)
  Tablets: 1 of 3
EXPLAIN

EXPLAIN (COSTS OFF) SELECT * FROM acc WHERE aid IN (1, 2, 3) AND bid > 2;
----
QUERY PLAN:text
Index Scan using acc_pkey on acc
  Index Cond: (aid = ANY ('{1,2,3}'::integer[]))
  Storage Filter: (bid > 2)
  Tablets: 3 of 3
EXPLAIN

EXPLAIN (COSTS OFF) SELECT * FROM acc WHERE abalance + 1 > 5 ORDER BY abalance DESC LIMIT 3;
----
QUERY PLAN:text
Limit
  ->  Sort
        Sort Key: abalance DESC
        ->  Seq Scan on acc
              Storage Filter: ((abalance + 1) > 5)
              Tablets: 3 of 3
              Storage Sort Key: abalance DESC
              Storage Limit: 3
EXPLAIN

EXPLAIN (COSTS OFF) SELECT bid, count(*), sum(abalance) FROM acc GROUP BY bid HAVING count(*) > 1 ORDER BY 2 DESC;
----
QUERY PLAN:text
Sort
  Sort Key: count(*) DESC
  ->  Finalize HashAggregate
        Group Key: bid
        Filter: (count(*) > 1)
        ->  Partial HashAggregate
              Group Key: bid
              ->  Seq Scan on acc
                    Tablets: 3 of 3
EXPLAIN

EXPLAIN (COSTS OFF) SELECT v FROM ev WHERE k = 'a' AND at >= 10 AND at < 20 ORDER BY at DESC LIMIT 5;
----
QUERY PLAN:text
Limit
  ->  Index Scan using ev_pkey on ev
        Index Cond: ((k = 'a'::text) AND (at >= 10) AND (at < 20))
        Storage Filter: ((at >= 10) AND (at < 20))
        Tablets: 1 of 3
EXPLAIN

EXPLAIN (COSTS OFF) SELECT v FROM ev WHERE at > 3;
----
QUERY PLAN:text
Seq Scan on ev
  Storage Filter: (at > 3)
  Tablets: 3 of 3
EXPLAIN

EXPLAIN (COSTS OFF) SELECT * FROM rg WHERE a >= 12 AND a < 15;
----
QUERY PLAN:text
Index Scan using rg_pkey on rg
  Index Cond: ((a >= 12) AND (a < 15))
  Storage Filter: ((a >= 12) AND (a < 15))
  Tablets: 1 of 3
EXPLAIN

EXPLAIN (COSTS OFF) SELECT DISTINCT bid FROM acc;
----
QUERY PLAN:text
Finalize HashAggregate
  Group Key: bid
  ->  Partial HashAggregate
        Group Key: bid
        ->  Seq Scan on acc
              Tablets: 3 of 3
EXPLAIN

EXPLAIN (COSTS OFF) UPDATE acc SET abalance = abalance + 1 WHERE aid = 5;
----
QUERY PLAN:text
Update on acc
  ->  Index Scan using acc_pkey on acc
        Index Cond: (aid = 5)
        Tablets: 1 of 3
EXPLAIN

EXPLAIN (COSTS OFF) DELETE FROM rg WHERE a = 1;
----
QUERY PLAN:text
Delete on rg
  ->  Index Scan using rg_pkey on rg
        Index Cond: (a = 1)
        Tablets: 1 of 3
EXPLAIN

EXPLAIN (COSTS OFF) INSERT INTO rg SELECT i, i FROM generate_series(1, 3) i;
----
QUERY PLAN:text
Insert on rg
  ->  Function Scan on generate_series
EXPLAIN

EXPLAIN (FORMAT JSON) SELECT abalance FROM acc WHERE aid = 5;
----
QUERY PLAN:json
[
  {
    "Plan": {
      "Node Type": "Index Scan",
      "Scan Direction": "Forward",
      "Index Name": "acc_pkey",
      "Relation Name": "acc",
      "Alias": "acc",
      "Parallel Aware": false,
      "Async Capable": false,
      "Startup Cost": 0.00,
      "Total Cost": 0.01,
      "Plan Rows": 1,
      "Plan Width": 4,
      "Index Cond": "(aid = 5)",
      "Tablets": "1 of 3"
    }
  }
]
EXPLAIN

INSERT INTO rg VALUES (1, 1), (1, 2), (11, 1);
----
INSERT 0 3

EXPLAIN (ANALYZE, COSTS OFF) SELECT * FROM rg WHERE a = 1 ORDER BY b LIMIT 1;
----
QUERY PLAN:text
Limit (actual time=0.000..0.000 rows=1 loops=1)
  ->  Index Scan using rg_pkey on rg (actual rows=1 loops=1)
        Index Cond: (a = 1)
        Tablets: 1 of 3
        Storage Read Requests: 1
Execution Time: 0.000 ms
EXPLAIN

EXPLAIN (BOGUS) SELECT 1;
----
ERROR: 42601: unrecognized EXPLAIN option "bogus"
POSITION: 10

EXPLAIN CREATE TABLE x (a int);
----
ERROR: 42601: syntax error at or near "int"
POSITION: 27

# A few integers of a hashed key are looked up one by one; more, or as many as the type has, are a scan.
CREATE TABLE spans (k int PRIMARY KEY, v int);
----
CREATE TABLE

INSERT INTO spans SELECT n, n FROM generate_series(1, 20) AS n;
----
INSERT 0 20

EXPLAIN SELECT v FROM spans WHERE k BETWEEN 3 AND 102;
----
QUERY PLAN:text
Index Scan using spans_pkey on spans  (cost=0.00..1.00 rows=100 width=4)
  Index Cond: ((k >= 3) AND (k <= 102))
  Storage Filter: ((k >= 3) AND (k <= 102))
  Tablets: 3 of 3
EXPLAIN

EXPLAIN SELECT sum(v) FROM spans WHERE k > 3 AND 7 >= k AND v > 0;
----
QUERY PLAN:text
Finalize Aggregate  (cost=0.00..0.06 rows=1 width=8)
  ->  Partial Aggregate  (cost=0.00..0.05 rows=1 width=8)
        ->  Index Scan using spans_pkey on spans  (cost=0.00..0.04 rows=4 width=8)
              Index Cond: ((k > 3) AND (k <= 7))
              Storage Filter: ((k > 3) AND (7 >= k) AND (v > 0))
              Tablets: 3 of 3
EXPLAIN

EXPLAIN SELECT v FROM spans WHERE k >= 1 AND k < 1001 ORDER BY k LIMIT 2;
----
QUERY PLAN:text
Limit  (cost=0.00..20.02 rows=2 width=4)
  ->  Sort  (cost=0.00..20.00 rows=1000 width=4)
        Sort Key: k
        ->  Index Scan using spans_pkey on spans  (cost=0.00..10.00 rows=1000 width=4)
              Index Cond: ((k >= 1) AND (k < 1001))
              Storage Filter: ((k >= 1) AND (k < 1001))
              Tablets: 3 of 3
              Storage Sort Key: k
              Storage Limit: 2
EXPLAIN

EXPLAIN SELECT v FROM spans WHERE k BETWEEN 1 AND 1001;
----
QUERY PLAN:text
Seq Scan on spans  (cost=0.00..30.00 rows=3000 width=4)
  Storage Filter: ((k >= 1) AND (k <= 1001))
  Tablets: 3 of 3
EXPLAIN

EXPLAIN SELECT v FROM spans WHERE k BETWEEN -2147483648 AND 2147483647;
----
QUERY PLAN:text
Seq Scan on spans  (cost=0.00..30.00 rows=3000 width=4)
  Storage Filter: ((k >= '-2147483648'::integer) AND (k <= 2147483647))
  Tablets: 3 of 3
EXPLAIN

EXPLAIN SELECT v FROM spans WHERE k >= 5;
----
QUERY PLAN:text
Seq Scan on spans  (cost=0.00..30.00 rows=3000 width=4)
  Storage Filter: (k >= 5)
  Tablets: 3 of 3
EXPLAIN

EXPLAIN UPDATE spans SET v = 0 WHERE k BETWEEN 3 AND 5;
----
QUERY PLAN:text
Update on spans  (cost=0.00..0.03 rows=0 width=0)
  ->  Index Scan using spans_pkey on spans  (cost=0.00..0.03 rows=3 width=8)
        Index Cond: ((k >= 3) AND (k <= 5))
        Storage Filter: ((k >= 3) AND (k <= 5))
        Tablets: 3 of 3
EXPLAIN

PREPARE span (int, bigint) AS SELECT v FROM spans WHERE k BETWEEN $1 AND $2 ORDER BY v;
----
PREPARE

EXECUTE span (18, 9000000000);
----
v:integer
18
19
20
SELECT 3

EXECUTE span (18, 21);
----
v:integer
18
19
20
SELECT 3

EXECUTE span (5, 4);
----
v:integer
SELECT 0

EXECUTE span (NULL, 4);
----
v:integer
SELECT 0

EXPLAIN EXECUTE span (18, 21);
----
ERROR: 0A000: EXPLAIN of this statement is not supported

DROP TABLE spans;
----
DROP TABLE

