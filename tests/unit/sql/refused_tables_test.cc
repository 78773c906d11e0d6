// Declarations and settings that are refused, each with its whole message.
#include "tests/unit/sql/scripts.h"

namespace weir {
namespace {

TEST(RefusedTables, Statements) {
  ExpectRefused(
      "",
      {
          {R"()",
           "line 1, column 1: the script has no INSERT: a job is one or more INSERT INTO <table> "
           "SELECT ... over the tables it declares"},
          {R"(-- nothing)",
           "line 1, column 11: the script has no INSERT: a job is one or more INSERT INTO <table> "
           "SELECT ... over the tables it declares"},
          {R"(SELEC 1)",
           "line 1, column 1: syntax error at or near \"SELEC\"; statements are CREATE TABLE ... "
           "WITH (...), CREATE VIEW ... AS SELECT, INSERT INTO ... SELECT, SET name = value and "
           "EXPLAIN INSERT ..."},
          {R"(SELECT 1)",
           "line 1, column 1: a SELECT by itself has nowhere to put its rows; write INSERT INTO "
           "<table> SELECT ..."},
          {R"(CREATE TEMP TABLE t (a INT) WITH (connector='delta'))",
           "line 1, column 19: TEMP and UNLOGGED aren't supported: nothing of a script outlives "
           "its job"},
          {R"(CREATE TYPE x AS (a INT))",
           "line 1, column 1: CREATE TYPE isn't supported yet; declare the nested value as a JSONB "
           "column"},
          {R"(UPDATE t SET a = 1)",
           "line 1, column 1: UPDATE isn't supported: a job appends the result of its query"},
          {R"(CREATE MATERIALIZED VIEW v AS SELECT 1)",
           "line 1, column 1: CREATE TABLE AS and materialized views aren't supported; declare the "
           "table with CREATE TABLE ... WITH (...) and fill it with INSERT INTO ... SELECT"},
          {R"(COPY t FROM stdin)",
           "line 1, column 1: this statement isn't supported; statements are CREATE TABLE ... WITH "
           "(...), CREATE VIEW ... AS SELECT, INSERT INTO ... SELECT, SET name = value and EXPLAIN "
           "INSERT ..."},
          {R"(BEGIN)",
           "line 1, column 1: transactions aren't written: a job commits exactly once by itself"},
      });
}

TEST(RefusedTables, Columns) {
  ExpectRefused(
      "",
      {
          {R"(CREATE TABLE t (a TEXT))",
           "line 1, column 14: table t doesn't say what it is: write WITH (connector = 'kafka', "
           "...) for a source, 'delta' for a sink"},
          {R"(CREATE TABLE t (a TEXT) WITH (brokers='b', conector='kafka'))",
           "line 1, column 44: \"conector\" isn't an option of a table; did you mean connector?"},
          {R"(CREATE TABLE t (order TEXT) WITH (connector='kafka'))",
           "line 1, column 17: syntax error at or near \"order\"; order is a reserved word: as a "
           "name it is written \"order\", in double quotes"},
          {R"(CREATE TABLE t (a STRING) WITH (connector='kafka'))",
           "line 1, column 19: type STRING isn't supported: write TEXT"},
          {R"(CREATE TABLE t (a TEX) WITH (connector='kafka'))",
           "line 1, column 19: type \"TEX\" doesn't exist; did you mean TEXT? types are BOOLEAN, "
           "SMALLINT, INTEGER, BIGINT, REAL, DOUBLE PRECISION, NUMERIC(p,s), TEXT, BYTEA, DATE, "
           "TIMESTAMP, TIMESTAMPTZ, UUID and JSONB"},
          {R"(CREATE TABLE t (a VARCHAR(10)) WITH (connector='kafka'))",
           "line 1, column 19: lengths of text aren't supported; write TEXT"},
          {R"(CREATE TABLE t (a TIMESTAMP(3)) WITH (connector='kafka'))",
           "line 1, column 19: precisions of times aren't supported: they have microseconds; write "
           "TIMESTAMP"},
          {R"(CREATE TABLE t (a NUMERIC) WITH (connector='kafka'))",
           "line 1, column 19: NUMERIC needs its digits here: NUMERIC(p,s) with p up to 38, as in "
           "NUMERIC(18,2)"},
          {R"(CREATE TABLE t (a NUMERIC(40,2)) WITH (connector='kafka'))",
           "line 1, column 19: NUMERIC(40,2) isn't possible: digits are 1 to 38, those behind the "
           "point 0 to all"},
          {R"(CREATE TABLE t (a INT[]) WITH (connector='kafka'))",
           "line 1, column 19: arrays aren't supported yet"},
          {R"(CREATE TABLE t (a TIME) WITH (connector='kafka'))",
           "line 1, column 19: type TIME isn't supported: write TEXT for a time of day"},
          {R"(CREATE TABLE t (a INTERVAL) WITH (connector='kafka'))",
           "line 1, column 19: INTERVAL isn't a type of columns; write BIGINT and store a number "
           "of milliseconds"},
          {R"(CREATE TABLE t (a INT PRIMARY KEY) WITH (connector='delta'))",
           "line 1, column 23: PRIMARY KEY isn't supported yet: rows are appended when their "
           "window closes; leave it out"},
          {R"(CREATE TABLE t (a INT, PRIMARY KEY (a)) WITH (connector='delta'))",
           "line 1, column 24: PRIMARY KEY isn't supported yet: rows are appended when their "
           "window closes; leave it out"},
          {R"(CREATE TABLE t (a INT CHECK (a > 0)) WITH (connector='delta'))",
           "line 1, column 23: CHECK isn't supported yet; filter with WHERE in the INSERT"},
          {R"(CREATE TABLE t (a INT DEFAULT 3) WITH (connector='delta'))",
           "line 1, column 23: DEFAULT isn't supported; write the value in the SELECT, or "
           "coalesce(column, value)"},
          {R"(CREATE TABLE t (a TEXT COLLATE "C") WITH (connector='delta'))",
           "line 1, column 24: COLLATE isn't supported: text compares byte by byte"},
          {R"(CREATE TABLE t (a INT, A INT) WITH (connector='delta'))",
           "line 1, column 24: column A is declared twice (names that differ only in case are one "
           "to many readers)"},
          {R"(CREATE TABLE IF NOT EXISTS t (a INT) WITH (connector='delta'))",
           "line 1, column 28: IF NOT EXISTS isn't supported: a script declares a table once"},
          {R"(CREATE TABLE s.t (a INT) WITH (connector='delta'))",
           "line 1, column 14: tables have no schema in front of their name: a script has one "
           "namespace"},
          {R"(CREATE TABLE t (a INT) PARTITION BY LIST (a) WITH (connector='delta'))",
           "line 1, column 14: PARTITION BY isn't supported yet; leave it out"},
          {R"(CREATE TABLE t (LIKE x) WITH (connector='delta'))",
           "line 1, column 22: LIKE isn't supported; list the columns"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH ('connector'='kafka');)",
           "line 1, column 47: syntax error at or near \"'connector'\"; names of options stand "
           "without quotes, as in connector = 'kafka'"},
          {R"(CREATE TABLE t (a TEXT, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH (connector='kafka'))",
           "line 1, column 35: syntax error at or near \"FOR\"; the watermark is an option: WITH "
           "(..., event_time = 'column', watermark = '10 minutes')"},
          {R"(CREATE TABLE x AS SELECT 1)",
           "line 1, column 1: CREATE TABLE AS and materialized views aren't supported; declare the "
           "table with CREATE TABLE ... WITH (...) and fill it with INSERT INTO ... SELECT"},
      });
}

TEST(RefusedTables, Options) {
  ExpectRefused(
      "",
      {
          {R"(CREATE TABLE t (a INT) WITH (connector='delta', path='x') TABLESPACE z)",
           "line 1, column 1: the statement has a clause that isn't supported (tablespacename); "
           "leave it out"},
          {R"(CREATE TABLE t (a INT) USING heap WITH (connector='delta', path='x'))",
           "line 1, column 1: the statement has a clause that isn't supported (accessMethod); "
           "leave it out"},
          {R"(CREATE TABLE t () WITH (connector='kafka', brokers='k:1', topic='t', format='json'))",
           "line 1, column 14: table t has no columns"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafkaa');)",
           "line 1, column 57: connector 'kafkaa' doesn't exist; connectors are 'kafka' (sources) "
           "and 'delta' (sinks); did you mean 'kafka'?"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka');)",
           "line 1, column 14: table t lacks option brokers (host:port, comma-separated); add "
           "brokers = '...' to its WITH"},
          {R"(CREATE TABLE t (a TEXT) WITH (connector='kafka', brokers='k:9092,169.254.169.254:80', topic='t', format='json');)",
           "line 1, column 58: '169.254.169.254:80' is the address of a metadata service, which "
           "answers with the credentials of its machine: no broker is there"},
          {R"(CREATE TABLE t (a TEXT) WITH (connector='kafka', brokers='[::ffff:169.254.169.254]:80', topic='t', format='json');)",
           "line 1, column 58: '[::ffff:169.254.169.254]:80' is the address of a metadata service, "
           "which answers with the credentials of its machine: no broker is there"},
          {R"(CREATE TABLE t (a TEXT) WITH (connector='kafka', brokers='metadata.google.internal:80', topic='t', format='json');)",
           "line 1, column 58: 'metadata.google.internal:80' is the address of a metadata service, "
           "which answers with the credentials of its machine: no broker is there"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:9092', topic='t', format='avro');)",
           "line 1, column 102: 'avro' isn't a value of format: accepted is 'json'"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:9092', topic='t', format='json', watermrk='1s');)",
           "line 1, column 110: \"watermrk\" isn't an option of a kafka table; did you mean "
           "watermark?"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:9092', topic='t', format='json', zzz='1s');)",
           "line 1, column 110: \"zzz\" isn't an option of a kafka table; accepted are connector, "
           "brokers, topic, format, event_time, watermark, idle_timeout, start, stop, max_future, "
           "max_drift, on_bad_row, dead_letter_path, timestamp_unit, security.protocol, "
           "sasl.mechanism, sasl.username, sasl.password, ssl.ca.location, "
           "ssl.certificate.location, ssl.key.location, ssl.key.password, "
           "ssl.endpoint.identification.algorithm, enable.ssl.certificate.verification, client.id, "
           "client.rack"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:9092', topic='t', format='json', watermark='1 minute');)",
           "line 1, column 110: watermark needs event_time: name the column that tells when a row "
           "happened"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:9092', topic='t', format='json', event_time='tss');)",
           "line 1, column 121: table t has no column tss; did you mean ts?"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:9092', topic='t', format='json', event_time='a');)",
           "line 1, column 121: column a is text; an event time is an instant: declare it "
           "TIMESTAMPTZ"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:9092', topic='t', format='json', event_time='TS', watermark='1 month');)",
           "line 1, column 137: '1 month' isn't a value of watermark: accepted are durations such "
           "as '500ms', '10 seconds' or '1h30m'; months have no fixed length"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:9092', topic='t', format='json', event_time='TS', watermark='10');)",
           "line 1, column 137: '10' isn't a value of watermark: accepted are durations such as "
           "'500ms', '10 seconds' or '1h30m'; months have no fixed length"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k', topic='t', format='json');)",
           "line 1, column 74: 'k' isn't host:port; brokers are written 'host1:9092,host2:9092', "
           "or 'dev' for the broker of weir dev --kafka"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='a b', format='json');)",
           "line 1, column 87: 'a b' isn't the name of a topic: letters, digits, '.', '_' and '-', "
           "at most 249"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='t', format='json', start='now');)",
           "line 1, column 113: 'now' isn't a value of start: accepted are 'earliest', 'latest' "
           "and 'timestamp:2024-02-29T07:08:09Z'"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='t', format='json', start='timestamp:2024-13-01');)",
           "line 1, column 113: 'timestamp:2024-13-01' isn't a value of start: accepted are "
           "'earliest', 'latest' and 'timestamp:2024-02-29T07:08:09Z'"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='t', format='json', on_bad_row='drop');)",
           "line 1, column 118: 'drop' isn't a value of on_bad_row: accepted are 'fail', 'skip', "
           "'dead_letter'"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='t', format='json', on_bad_row='dead_letter');)",
           "line 1, column 118: 'dead_letter' needs dead_letter_path: the table that bad rows go "
           "to"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='t', format='json', dead_letter_path='x');)",
           "line 1, column 107: dead_letter_path needs on_bad_row = 'dead_letter'"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='t', format='json', timestamp_unit='ns');)",
           "line 1, column 122: 'ns' isn't a value of timestamp_unit: accepted are 'ms', 'us', "
           "'s'; did you mean 'ms'?"},
          {R"(CREATE TABLE t (a TEXT) WITH (connector='kafka', brokers='k:1', topic='t', format='json', timestamp_unit='ms');)",
           "line 1, column 91: timestamp_unit says how integers are read into TIMESTAMPTZ columns, "
           "but table t has none"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='t', topic='u', format='json');)",
           "line 1, column 92: option topic is given twice"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic=t, format='json');)",
           "line 1, column 87: the value of topic stands in quotes: topic = '...'"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic, format='json');)",
           "line 1, column 81: option topic has no value; write topic = '...'"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='t', format='json', security.protocol='SSLL');)",
           "line 1, column 125: 'SSLL' isn't a value of security.protocol: accepted are "
           "'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'; did you mean 'SSL'?"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='t', format='json', sasl.password='hunter2');)",
           "line 1, column 121: sasl.password takes a reference to a secret, "
           "${env:WEIR_SECRET_NAME} or ${file:NAME}: a script is kept in the job log, where anyone "
           "may read it"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='', format='json');)",
           "line 1, column 87: '' isn't a value of topic: it is empty"},
          {R"(CREATE TABLE t (_offset BIGINT) WITH (connector='kafka', brokers='k:1', topic='t', format='json');)",
           "line 1, column 17: column name _offset is taken: every source has _partition, _offset, "
           "_timestamp and _key"},
          {R"(CREATE TABLE d (a INT) WITH (connector='delta', path='gs://x/y'))",
           "line 1, column 54: 'gs://x/y' isn't a value of path: accepted are a directory, "
           "file:///directory and s3://bucket/directory"},
          {R"(CREATE TABLE d (a INT) WITH (connector='delta', path='../x'))",
           "line 1, column 54: '../x' isn't a value of path: it has a '..' segment; write where it "
           "leads"},
          {R"(CREATE TABLE d (a INT) WITH (connector='delta', path='x', late_path='s3a://b/x'))",
           "line 1, column 69: 's3a://b/x' isn't a value of late_path: write s3://b/x"},
          {R"(CREATE TABLE d (a INT) WITH (connector='delta', path='x'); CREATE TABLE e (a INT) WITH (connector='delta', path='./x/'))",
           "line 1, column 113: './x/' is also the path of line 1, column 54; each table needs a "
           "directory of its own"},
          {R"(CREATE TABLE d (a INT) WITH (connector='delta', path='x', late_path='x/late'))",
           "line 1, column 69: 'x/late' is inside, or holds, the directory of line 1, column 54; "
           "each table needs a directory of its own"},
          {R"(CREATE TABLE d (a INT) WITH (connector='delta', path='x', freshness_interval='10ms'))",
           "line 1, column 78: '10ms' isn't a value of freshness_interval: the least is 1 second"},
          {R"(CREATE TABLE d (a INT) WITH (connector='delta', path='x'); CREATE TABLE D (a INT) WITH (connector='delta', path='y'))",
           "line 1, column 73: \"D\" is declared twice; first on line 1, column 14"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='t', format='json', sasl.password='${env:WEIR_SECRET_X}');)",
           "line 1, column 107: sasl.password needs security.protocol = 'SASL_SSL' or "
           "'SASL_PLAINTEXT'"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='t', format='json', security.protocol='SASL_SSL');)",
           "line 1, column 125: SASL_SSL needs sasl.mechanism"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='t', format='json', ssl.ca.location='/x');)",
           "line 1, column 113: syntax error at or near \".\"; a name with dots is written in "
           "double quotes, as in \"ssl.ca.location\" = '/etc/ca.pem'"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='t', format='json', "ssl.ca.location"='/x');)",
           "line 1, column 107: ssl.ca.location needs security.protocol = 'SSL' or 'SASL_SSL'"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='k:1', topic='t', format='json', security.protocol='SASL_SSL', sasl.mechanism='PLAIN', sasl.username='me', sasl.password='${env:HOME}');)",
           "line 1, column 195: sasl.password takes a reference to a secret, "
           "${env:WEIR_SECRET_NAME} or ${file:NAME}: a script is kept in the job log, where anyone "
           "may read it"},
          {R"(CREATE TABLE t (a TEXT, ts TIMESTAMPTZ) WITH (connector='kafka', brokers='${env:WEIR_SECRET_X}', topic='t', format='json');)",
           "line 1, column 74: '${env:WEIR_SECRET_X}' isn't a value of brokers: references to "
           "secrets are for security settings; for other values write ${NAME} and submit with "
           "--var NAME=VALUE"},
      });
}

TEST(RefusedTables, Settings) {
  ExpectRefused(
      "", {
              {R"(SET checkpoint_interval = '1ms')",
               "line 1, column 27: '1ms' isn't a value of checkpoint_interval: the least is 100 "
               "milliseconds"},
              {R"(SET checkpoint_interval TO DEFAULT)",
               "line 1, column 1: settings are written SET name = value"},
              {R"(SET a.b = 1)",
               "line 1, column 5: \"a.b\" isn't a setting; accepted are checkpoint_interval, "
               "parallelism, retain_checkpoints"},
              {R"(SET parallelism = 1; SET parallelism = 2)",
               "line 1, column 26: parallelism is set twice; first on line 1, column 5"},
              {R"(SET parallelism = on)",
               "line 1, column 19: 'on' isn't a value of parallelism: accepted are whole numbers "
               "from 1 to 4096"},
              {R"(SET retain_checkpoints = 3, 4)",
               "line 1, column 1: settings are written SET name = value, one value"},
              {R"(RESET parallelism)", "line 1, column 1: settings are written SET name = value"},
              {R"(SET LOCAL parallelism = 3)",
               "line 1, column 1: settings are written SET name = value"},
              {R"(SET SESSION parallelism = 3; SET TIME ZONE 'utc')",
               "line 1, column 34: \"timezone\" isn't a setting; accepted are checkpoint_interval, "
               "parallelism, retain_checkpoints"},
          });
}

}  // namespace
}  // namespace weir
