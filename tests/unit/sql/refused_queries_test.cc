// Queries without windows that are refused, each with its whole message.
#include "absl/strings/str_cat.h"
#include "tests/unit/sql/scripts.h"

namespace weir {
namespace {

TEST(RefusedQueries, ColumnsAndClauses) {
  ExpectRefused(
      kTables,
      {
          {R"(INSERT INTO o SELECT idd, amount FROM t)",
           "line 4, column 22: column idd doesn't exist in t; did you mean id?"},
          {R"(INSERT INTO o SELECT "ID", amount FROM t)",
           "line 4, column 22: column \"ID\" doesn't exist in t; did you mean id?"},
          {R"(INSERT INTO o SELECT x.id, amount FROM t)",
           "line 4, column 22: table x isn't in FROM; FROM has t"},
          {R"(INSERT INTO o SELECT id FROM t)",
           "line 4, column 13: the SELECT gives 1 value for the 2 columns of o (a, x); to leave "
           "columns NULL, list the others: INSERT INTO o (...) SELECT"},
          {R"(INSERT INTO o SELECT id, amount, n FROM t)",
           "line 4, column 34: INSERT has more values than columns: 3 for the 2 of o"},
          {R"(INSERT INTO o (a) SELECT id, amount FROM t)",
           "line 4, column 30: INSERT has more values than columns: 2 for the 1 of o"},
          {R"(INSERT INTO o (a, x) SELECT id FROM t)",
           "line 4, column 19: INSERT has more columns than values: 2 for the 1 of the SELECT"},
          {R"(INSERT INTO o (a, a) SELECT id, kind FROM t)",
           "line 4, column 19: column a is listed twice"},
          {R"(INSERT INTO o (a, y) SELECT id, kind FROM t)",
           "line 4, column 19: column y of o doesn't exist; its columns are a, x"},
          {R"(INSERT INTO o (a, x) SELECT id, kind FROM t)",
           "line 4, column 33: column x is of type double precision but expression is of type "
           "text; cast it: CAST(... AS double precision)"},
          {R"(INSERT INTO o SELECT id, ok FROM t)",
           "line 4, column 26: column x is of type double precision but expression is of type "
           "boolean; cast it: CAST(... AS double precision)"},
          {R"(INSERT INTO t SELECT id FROM t)",
           "line 4, column 13: t is a source; INSERT writes into a sink, a table with connector = "
           "'delta'"},
          {R"(INSERT INTO nope SELECT id FROM t)",
           "line 4, column 13: table nope doesn't exist; declare it with CREATE TABLE ... WITH "
           "(...)"},
          {R"(INSERT INTO o SELECT id, amount FROM o)",
           "line 4, column 38: table o is a sink: it can be written, not read; to compute once and "
           "use it twice, CREATE VIEW"},
          {R"(INSERT INTO o SELECT id, amount FROM tt)",
           "line 4, column 38: table tt doesn't exist; did you mean t?"},
          {R"(INSERT INTO o VALUES ('a', 1))",
           "line 4, column 23: VALUES isn't supported: a job reads its rows from a source table"},
          {R"(INSERT INTO o DEFAULT VALUES)",
           "line 4, column 13: DEFAULT VALUES isn't supported; INSERT takes a SELECT"},
          {R"(INSERT INTO o SELECT 'a', 1)",
           "line 4, column 22: the SELECT has no FROM: a job reads a source table"},
          {R"(INSERT INTO o SELECT DISTINCT id, amount FROM t)",
           "line 4, column 31: DISTINCT isn't supported yet; over a window, GROUP BY window_start "
           "and the columns instead"},
          {R"(INSERT INTO o SELECT id, amount FROM t ORDER BY 1)",
           "line 4, column 49: ORDER BY isn't supported: a lake table has no order; sort when "
           "reading it"},
          {R"(INSERT INTO o SELECT id, amount FROM t LIMIT 3)",
           "line 4, column 46: LIMIT isn't supported: a stream has no end"},
          {R"(INSERT INTO o SELECT id, amount FROM t OFFSET 3)",
           "line 4, column 47: OFFSET isn't supported: a stream has no first row"},
          {R"(INSERT INTO o SELECT id, amount FROM t UNION ALL SELECT id, amount FROM t)",
           "line 4, column 22: UNION, INTERSECT and EXCEPT aren't supported; to put several "
           "queries into one table write an INSERT for each"},
          {R"(INSERT INTO o SELECT id, amount FROM t, t AS u)",
           "line 4, column 41: joins aren't supported yet: FROM takes one table"},
          {R"(INSERT INTO o SELECT t.id, t.amount FROM t JOIN t AS u ON t.id = u.id)",
           "line 4, column 42: joins aren't supported yet: FROM takes one table, view or subquery"},
          {R"(INSERT INTO o SELECT id, sum(amount) OVER (PARTITION BY id) FROM t)",
           "line 4, column 43: OVER isn't supported; windows over event time are FROM "
           "tumble(table, column, INTERVAL '5 minutes')"},
          {R"(INSERT INTO o SELECT id, amount FROM t FOR UPDATE)",
           "line 4, column 22: FOR UPDATE and the like aren't supported; leave it out"},
          {R"(INSERT INTO o SELECT id, amount FROM t TABLESAMPLE system(1))",
           "line 4, column 38: TABLESAMPLE isn't supported"},
          {R"(INSERT INTO o SELECT id, amount FROM ONLY t)",
           "line 4, column 43: ONLY isn't supported: tables have no children"},
          {R"(INSERT INTO o SELECT id, amount FROM t RETURNING a)",
           "line 4, column 50: RETURNING isn't supported: a job has no client"},
          {R"(INSERT INTO o SELECT id, amount FROM t ON CONFLICT DO NOTHING)",
           "line 4, column 40: ON CONFLICT isn't supported yet: rows are appended"},
          {R"(INSERT INTO o AS z SELECT id, amount FROM t)",
           "line 4, column 13: the table of an INSERT has no alias here"},
          {R"(INSERT INTO o SELECT id, (SELECT 1 FROM t) FROM t)",
           "line 4, column 26: a subquery as a value isn't supported: it is a join, and joins "
           "aren't supported yet"},
          {R"(INSERT INTO o SELECT id, amount FROM t WHERE id IN (SELECT id FROM t))",
           "line 4, column 46: EXISTS, IN and ANY over a subquery aren't supported: they are "
           "joins, and joins aren't supported yet"},
          {R"(INSERT INTO o SELECT id, amount FROM t WHERE EXISTS (SELECT 1 FROM t))",
           "line 4, column 46: EXISTS, IN and ANY over a subquery aren't supported: they are "
           "joins, and joins aren't supported yet"},
          {R"(INSERT INTO o SELECT id, amount FROM LATERAL (SELECT * FROM t) q)",
           "line 4, column 54: LATERAL isn't supported"},
      });
}

TEST(RefusedQueries, Expressions) {
  ExpectRefused(
      kTables,
      {
          {R"(INSERT INTO o SELECT id, now() FROM t)",
           "line 4, column 26: now isn't supported: a replay after a failure would compute "
           "something else; use _timestamp, the record's time in Kafka"},
          {R"(INSERT INTO o SELECT id, CURRENT_TIMESTAMP FROM t)",
           "line 4, column 26: the current time isn't supported: a replay after a failure would "
           "compute something else; use _timestamp, the record's time in Kafka"},
          {R"(INSERT INTO o SELECT id, random() FROM t)",
           "line 4, column 26: random isn't supported: a replay after a failure would compute "
           "something else"},
          {R"(INSERT INTO o SELECT id, uper(kind) FROM t)",
           "line 4, column 26: function uper doesn't exist; did you mean upper?"},
          {R"(INSERT INTO o SELECT id, lower(n) FROM t)",
           "line 4, column 26: function lower(integer) doesn't exist; there is lower(text)"},
          {R"(INSERT INTO o SELECT id, lower(id, id) FROM t)",
           "line 4, column 26: function lower(text, text) doesn't exist; there is lower(text)"},
          {R"(INSERT INTO o SELECT id, id + 1 FROM t)",
           "line 4, column 29: operator text + integer doesn't exist; cast one side, as in CAST(x "
           "AS TEXT)"},
          {R"(INSERT INTO o SELECT id, ok + 1 FROM t)",
           "line 4, column 29: operator boolean + integer doesn't exist; cast one side, as in "
           "CAST(x AS TEXT)"},
          {R"(INSERT INTO o SELECT id, ts - ts FROM t)",
           "line 4, column 29: operator timestamp with time zone - timestamp with time zone isn't "
           "supported: intervals are literals; for seconds write extract(epoch FROM a) - "
           "extract(epoch FROM b)"},
          {R"(INSERT INTO o SELECT id, NOT n FROM t)",
           "line 4, column 30: argument of NOT must be of type boolean, not integer"},
          {R"(INSERT INTO o SELECT id, amount FROM t WHERE n)",
           "line 4, column 46: argument of WHERE must be of type boolean, not integer"},
          {R"(INSERT INTO o SELECT id, amount FROM t WHERE n = 'abc')",
           "line 4, column 50: invalid input syntax for type integer: \"abc\""},
          {R"(INSERT INTO o SELECT id, amount FROM t WHERE ts > 'yesterday')",
           "line 4, column 51: invalid input syntax for type timestamp with time zone: "
           "\"yesterday\"; write it as in '2024-02-29T07:08:09Z'"},
          {R"(INSERT INTO o SELECT id, amount FROM t WHERE ts > TIMESTAMPTZ '2024-02-30')",
           "line 4, column 63: value \"2024-02-30\" is out of range for type timestamp with time "
           "zone"},
          {R"(INSERT INTO o SELECT id, amount FROM t WHERE n = 99999999999999999999999999999999999999999)",
           "line 4, column 50: the number 99999999999999999999999999999999999999999 has more than "
           "38 digits"},
          {R"(INSERT INTO o SELECT id, CASE WHEN ok THEN 1 ELSE kind END FROM t)",
           "line 4, column 51: CASE types integer and text cannot be matched; cast one of them"},
          {R"(INSERT INTO o SELECT id, COALESCE(n, kind) FROM t)",
           "line 4, column 38: COALESCE types integer and text cannot be matched; cast one of "
           "them"},
          {R"(INSERT INTO o SELECT id, CAST(ok AS NUMERIC(3,1)) FROM t)",
           "line 4, column 26: cannot cast type boolean to numeric(3,1)"},
          {R"(INSERT INTO o SELECT id, CAST(id AS FOO) FROM t)",
           "line 4, column 37: type \"FOO\" doesn't exist; types are BOOLEAN, SMALLINT, INTEGER, "
           "BIGINT, REAL, DOUBLE PRECISION, NUMERIC(p,s), TEXT, BYTEA, DATE, TIMESTAMP, "
           "TIMESTAMPTZ, UUID and JSONB"},
          {R"(INSERT INTO o SELECT id, INTERVAL '1 day' FROM t)",
           "line 4, column 26: an INTERVAL isn't a value of columns: it is for windows and for "
           "computing with times"},
          {R"(INSERT INTO o SELECT date_trunc('hourr', ts), 1 FROM t)",
           "line 4, column 33: 'hourr' isn't a field of date_trunc; did you mean 'hour'?"},
          {R"(INSERT INTO o SELECT date_trunc('fortnight', ts), 1 FROM t)",
           "line 4, column 33: 'fortnight' isn't a field of date_trunc; fields are microseconds, "
           "milliseconds, second, minute, hour, day, week, month, quarter, year, decade, century, "
           "millennium"},
          {R"(INSERT INTO o SELECT id, extract(hours FROM id) FROM t)",
           "line 4, column 26: function extract(unknown, text) doesn't exist; there is "
           "extract(text,date), extract(text,timestamp), extract(text,timestamptz)"},
          {R"(INSERT INTO o SELECT id, ARRAY[1] FROM t)",
           "line 4, column 26: arrays aren't supported yet"},
          {R"(INSERT INTO o SELECT id, n[1] FROM t)",
           "line 4, column 26: subscripts and fields of nested values aren't supported yet"},
          {R"(INSERT INTO o SELECT id, j->'a' FROM t)",
           "line 4, column 27: operator -> isn't supported; operators are + - * / % ^ = <> < <= > "
           ">= || ~ ~* !~ !~*, LIKE, ILIKE, IN, BETWEEN, IS [NOT] NULL, IS [NOT] DISTINCT FROM, "
           "AND, OR, NOT"},
          {R"(INSERT INTO o SELECT id, $1 FROM t)",
           "line 4, column 26: parameters like $1 aren't supported; write ${NAME} and submit with "
           "--var NAME=VALUE"},
          {R"(INSERT INTO o SELECT id, B'101' FROM t)",
           "line 4, column 26: bit strings aren't supported; bytes are written '\\x1f'::bytea"},
          {R"(INSERT INTO o SELECT id, n COLLATE "C" FROM t)",
           "line 4, column 26: COLLATE isn't supported: text compares byte by byte"},
          {R"(INSERT INTO o SELECT id, amount FROM t WHERE id SIMILAR TO 'a')",
           "line 4, column 49: SIMILAR TO isn't supported; use LIKE or the regular expression "
           "operator ~"},
          {R"(INSERT INTO o SELECT id, amount FROM t WHERE id = ANY('{a}'))",
           "line 4, column 49: ANY and ALL over arrays aren't supported; use IN (...)"},
          {R"(INSERT INTO o SELECT id, amount FROM t WHERE n BETWEEN SYMMETRIC 1 AND 2)",
           "line 4, column 48: BETWEEN SYMMETRIC isn't supported; order the bounds with least and "
           "greatest"},
          {R"(INSERT INTO o SELECT * FROM t)",
           "line 4, column 22: INSERT has more values than columns: 10 for the 2 of o"},
          {R"(INSERT INTO o SELECT q.* FROM t)", "line 4, column 22: table q isn't in FROM"},
          {R"(INSERT INTO o SELECT id, kind AS id FROM t; INSERT INTO o SELECT id, amount FROM (SELECT id, kind AS id, amount FROM t) q)",
           "line 4, column 26: column x is of type double precision but expression is of type "
           "text; cast it: CAST(... AS double precision)"},
          {R"(INSERT INTO o SELECT id, amount FROM t WHERE a b)",
           "line 4, column 48: syntax error at or near \"b\""},
          {R"(INSERT INTO o SELECT id, 'abc FROM t)",
           "line 4, column 26: unterminated quoted string at or near \"'abc FROM t\""},
          {R"(INSERT INTO o SELECT ${COL}, amount FROM t)",
           "line 4, column 22: variable ${COL} has no value: give it with --var COL=VALUE"},
          {R"(INSERT INTO o SELECT id, like(id, 'a') FROM t)",
           "line 4, column 26: function like doesn't exist"},
          {R"(INSERT INTO o SELECT id, add(n, 1) FROM t)",
           "line 4, column 26: function add doesn't exist"},
          {R"(INSERT INTO o SELECT id, n ! FROM t)",
           "line 4, column 30: syntax error at or near \"FROM\""},
          {R"(INSERT INTO o SELECT id, n # 3 FROM t)",
           "line 4, column 28: operator # isn't supported; operators are + - * / % ^ = <> < <= > "
           ">= || ~ ~* !~ !~*, LIKE, ILIKE, IN, BETWEEN, IS [NOT] NULL, IS [NOT] DISTINCT FROM, "
           "AND, OR, NOT"},
          {R"(INSERT INTO o SELECT id, pg_catalog.lower(id) FROM t)",
           "line 4, column 26: column x is of type double precision but expression is of type "
           "text; cast it: CAST(... AS double precision)"},
          {R"(INSERT INTO o SELECT id, foo.lower(id) FROM t)",
           "line 4, column 26: functions have no schema in front of their name"},
          {R"(INSERT INTO o SELECT id, lower(x => id) FROM t)",
           "line 4, column 32: arguments with names are for window functions only"},
          {R"(CREATE TABLE nn (a TEXT NOT NULL, b BIGINT NOT NULL) WITH (connector='delta', path='nn'); INSERT INTO nn SELECT kind, NULL FROM t)",
           "line 4, column 119: column b is NOT NULL, but this is NULL"},
          {R"(CREATE TABLE nn (a TEXT NOT NULL, b BIGINT NOT NULL) WITH (connector='delta', path='nn'); INSERT INTO nn (a) SELECT id FROM t)",
           "line 4, column 103: column b of nn is NOT NULL, but the INSERT doesn't give it a "
           "value"},
      });
}

TEST(RefusedQueries, ViewsAndScripts) {
  ExpectRefused(
      kTables,
      {
          {R"(CREATE VIEW v AS SELECT idd FROM t;)",
           "line 4, column 25: column idd doesn't exist in t; did you mean id?"},
          {R"(CREATE VIEW v (a,b) AS SELECT id FROM t;INSERT INTO o SELECT a, b FROM v)",
           "line 4, column 13: v names 2 columns, but its query has 1"},
          {R"(CREATE OR REPLACE VIEW v AS SELECT id FROM t)",
           "line 4, column 24: OR REPLACE isn't supported: a script declares a view once"},
          {R"(INSERT INTO o SELECT a, x FROM v; CREATE VIEW v AS SELECT id AS a, n AS x FROM t)",
           "line 4, column 32: table v is declared only on line 4; move its CREATE in front of "
           "this statement"},
          {R"(INSERT INTO o SELECT id, amount FROM t; EXPLAIN INSERT INTO o SELECT id, amount FROM t)",
           "line 4, column 41: a script either runs its INSERTs or explains them: write EXPLAIN in "
           "front of all of them or of none"},
          {R"(EXPLAIN ANALYZE INSERT INTO o SELECT id, amount FROM t)",
           "line 4, column 1: EXPLAIN has no options here; write EXPLAIN INSERT INTO ... SELECT "
           "..."},
          {R"(EXPLAIN SELECT 1)",
           "line 4, column 1: EXPLAIN takes an INSERT: EXPLAIN INSERT INTO <table> SELECT ..."},
          {R"(WITH RECURSIVE x AS (SELECT * FROM t) INSERT INTO o SELECT id, n FROM x)",
           "line 4, column 1: WITH RECURSIVE isn't supported"},
          {R"(INSERT INTO o WITH x AS MATERIALIZED (SELECT * FROM t) SELECT id, n FROM x)",
           "line 4, column 20: MATERIALIZED isn't supported: leave it out"},
          {R"(INSERT INTO o WITH x AS (SELECT idd FROM t) SELECT id, n FROM t)",
           "line 4, column 33: column idd doesn't exist in t; did you mean id?"},
          {R"(INSERT INTO o WITH x AS (SELECT id FROM t), X AS (SELECT id FROM t) SELECT id, n FROM t)",
           "line 4, column 45: WITH names X twice"},
          {R"(INSERT INTO o WITH x AS (SELECT id FROM y), y AS (SELECT id FROM t) SELECT id, n FROM t)",
           "line 4, column 41: table y doesn't exist; declare it with CREATE TABLE ... WITH (...)"},
      });
}

TEST(RefusedQueries, RegularExpressionsThatNoRowCouldBeMatchedWith) {
  ExpectRefused(
      kTables,
      {
          {R"(INSERT INTO o SELECT id, n FROM t WHERE kind ~ '(')",
           "line 4, column 48: invalid regular expression \"(\": missing ): ( (RE2 syntax)"},
          {R"(INSERT INTO o SELECT id, n FROM t WHERE regexp_like(kind, '(a)\1'))",
           "line 4, column 59: invalid regular expression \"(a)\\1\": invalid escape sequence: \\1 "
           "(RE2 syntax)"},
          {R"(INSERT INTO o SELECT id, n FROM t WHERE regexp_like(kind, 'a', 'z'))",
           "line 4, column 59: invalid regular expression option: \"z\"; known are c, g, i, m, n, "
           "q, "
           "s"},
          {R"(INSERT INTO o SELECT regexp_replace(id, '((x{100}){100}){100}', ''), n FROM t)",
           "line 4, column 41: invalid regular expression \"((x{100}){100}){100}\": invalid "
           "repetition size: {100} (RE2 syntax)"},
      });
  const std::string pattern(1'001, 'a');
  EXPECT_EQ(ErrorOf(absl::StrCat(kTables, "INSERT INTO o SELECT id, n FROM t WHERE kind ~* '",
                                 pattern, "'")),
            "line 4, column 49: the regular expression has 1001 bytes; at most 1000 are accepted");
  // What rows bring is judged row by row.
  EXPECT_EQ(ErrorOf(absl::StrCat(kTables, "INSERT INTO o SELECT id, n FROM t WHERE kind ~ id")),
            "compiled");
  EXPECT_EQ(ErrorOf(absl::StrCat(kTables, "INSERT INTO o SELECT id, n FROM t WHERE kind ~ NULL")),
            "compiled");
}

}  // namespace
}  // namespace weir
