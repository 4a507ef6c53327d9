/// Dates and times. Each line is an expression and what PostgreSQL 15 gives for it: `=>` a value as text, `!!` an
/// error with its SQLSTATE.
let dateTimeTranscript = #"""
  date '2024-01-31' + 1  =>  2024-02-01
  date '2024-03-01' - date '2024-02-01'  =>  29
  date '2024-01-31' + interval '1 month'  =>  2024-02-29 00:00:00
  timestamp '2024-01-31 10:00' + interval '1 month 2 days'  =>  2024-03-02 10:00:00
  timestamp '2024-03-01' - timestamp '2024-02-01 12:00'  =>  28 days 12:00:00
  interval '1 day' * 2.5  =>  2 days 12:00:00
  interval '1 month' / 4  =>  7 days 12:00:00
  - interval '1 day 2 hours'  =>  -1 days -02:00:00
  interval '1 day' + interval '3 hours'  =>  1 day 03:00:00
  time '10:00' + interval '15 hours'  =>  01:00:00
  time '10:00' - time '12:30'  =>  -02:30:00
  date '2024-01-01' + time '03:04'  =>  2024-01-01 03:04:00
  date '2024-01-01' < timestamp '2024-01-01 00:00:01'  =>  t
  interval '1 month' = interval '30 days'  =>  t
  date_trunc('month', timestamp '2024-05-17 12:34:56.789')  =>  2024-05-01 00:00:00
  date_trunc('hour', interval '3 days 02:47:33')  =>  3 days 02:00:00
  date_trunc('foo', timestamp '2024-05-17')  !!  22023 unit "foo" not recognized for type timestamp without time zone
  date_part('dow', timestamp '2024-05-17')  =>  5
  date_part('year', date '2024-05-17')  =>  2024
  date_part('hour', date '2024-05-17')  =>  0
  extract(year from timestamp '2024-05-17 12:34:56.789')  =>  2024
  extract(epoch from timestamp '2024-05-17 12:34:56.789')  =>  1715949296.789000
  extract(second from time '12:34:56.789')  =>  56.789000
  extract(doy from date '2024-12-31')  =>  366
  extract(hour from date '2024-12-31')  !!  0A000 unit "hour" not supported for type date
  extract(day from interval '40 days 5 hours')  =>  40
  age(timestamp '2001-04-10', timestamp '1957-06-13')  =>  43 years 9 mons 27 days
  make_date(2013, 7, 15)  =>  2013-07-15
  make_date(2013, 13, 15)  !!  22008 date field value out of range: 2013-13-15
  make_time(8, 15, 23.5)  =>  08:15:23.5
  make_timestamp(2013, 7, 15, 8, 15, 23.5)  =>  2013-07-15 08:15:23.5
  make_interval(1, 2, 3, 4)  =>  1 year 2 mons 25 days
  make_interval(0, 0, 0, 10)  =>  10 days
  to_timestamp(1284352323.5)  =>  2010-09-13 04:32:03.5+00
  to_timestamp('inf'::float8)  =>  infinity
  justify_days(interval '35 days')  =>  1 mon 5 days
  justify_hours(interval '27 hours')  =>  1 day 03:00:00
  justify_interval(interval '1 mon -1 hour')  =>  29 days 23:00:00
  isfinite(date 'infinity')  =>  f
  date_bin('15 minutes', timestamp '2020-02-11 15:44:17', timestamp '2001-01-01')  =>  2020-02-11 15:30:00
  timestamp '2024-07-01 12:00' at time zone 'Europe/Berlin'  =>  2024-07-01 10:00:00+00
  timestamptz '2024-07-01 12:00+00' at time zone 'America/New_York'  =>  2024-07-01 08:00:00
  timestamptz '2024-07-01 12:00+00' at time zone 'nowhere'  !!  22023 time zone "nowhere" not recognized
  timestamptz '2024-01-31 12:00+00' + interval '1 month'  =>  2024-02-29 12:00:00+00
  """#
