/// JSON. Each line is an expression and what PostgreSQL 15 gives for it: `=>` a value as text, `!!` an
/// error with its SQLSTATE.
let jsonTranscript = #"""
  '{"a": {"b": [1, 2, "x"]}}'::jsonb -> 'a'  =>  {"b": [1, 2, "x"]}
  '{"a": {"b": [1, 2, "x"]}}'::jsonb -> 'a' -> 'b' -> 1  =>  2
  '{"a": {"b": [1, 2, "x"]}}'::jsonb -> 'a' -> 'b' ->> 2  =>  x
  '{"a": {"b": [1, 2, "x"]}}'::json ->> 'a'  =>  {"b": [1, 2, "x"]}
  '[1,2,3]'::json -> -1  =>  3
  '[1,2,3]'::json -> 5  =>  NULL
  '{"a": null}'::jsonb ->> 'a'  =>  NULL
  '{"a": {"b": [1, 2, "x"]}}'::jsonb #> '{a,b,0}'  =>  1
  '{"a": {"b": [1, 2, "x"]}}'::jsonb #>> '{a,b,2}'  =>  x
  '{"a": 1, "b": 2}'::jsonb @> '{"a": 1}'  =>  t
  '[1, 2, 3]'::jsonb @> '[3, 1]'  =>  t
  '[1, 2, 3]'::jsonb @> '2'  =>  t
  '{"a": [1, {"b": 2}]}'::jsonb @> '{"a": [{"b": 2}]}'  =>  t
  '{"a": 1}'::jsonb <@ '{"a": 1, "b": 2}'::jsonb  =>  t
  '{"a": 1}'::jsonb ? 'a'  =>  t
  '["a", "b"]'::jsonb ? 'b'  =>  t
  '{"a": 1}'::jsonb || '{"b": 2}'::jsonb  =>  {"a": 1, "b": 2}
  '[1]'::jsonb || '2'::jsonb  =>  [1, 2]
  '{"a": 1, "b": 2}'::jsonb - 'a'  =>  {"b": 2}
  '["a", "b"]'::jsonb - 0  =>  ["b"]
  '1'::jsonb - 'a'  !!  22023 cannot delete from scalar
  jsonb_typeof('[1]')  =>  array
  json_typeof('"x"')  =>  string
  jsonb_array_length('[1, 2]')  =>  2
  jsonb_array_length('{}')  !!  22023 cannot get array length of a non-array
  to_json('a"b'::text)  =>  "a\"b"
  to_jsonb(1.50)  =>  1.50
  to_jsonb(true)  =>  true
  to_json(timestamp '2024-05-17 12:34:56')  =>  "2024-05-17T12:34:56"
  to_json(timestamptz '2024-05-17 12:34:56+00')  =>  "2024-05-17T12:34:56+00:00"
  to_json(date '2024-05-17')  =>  "2024-05-17"
  json_build_object('a', 1, 'b', 'x')  =>  {"a" : 1, "b" : "x"}
  jsonb_build_object('b', 1, 'a', null)  =>  {"a": null, "b": 1}
  json_build_array(1, 'a', null, true)  =>  [1, "a", null, true]
  jsonb_build_object('a')  !!  22023 argument list must have even number of elements
  json_build_object()  =>  {}
  jsonb_strip_nulls('{"a": null, "b": {"c": null}}')  =>  {"b": {}}
  json_strip_nulls('{"a": null, "b": [1, null]}')  =>  {"b":[1,null]}
  jsonb_pretty('{"a": [1, {"b": 2}], "c": {}}')  =>  {\n    "a": [\n        1,\n        {\n            "b": 2\n        }\n    ],\n    "c": {\n    }\n}
  jsonb_extract_path('{"a": {"b": 1}}', 'a', 'b')  =>  1
  json_extract_path_text('{"a": {"b": "x"}}', 'a', 'b')  =>  x
  """#
