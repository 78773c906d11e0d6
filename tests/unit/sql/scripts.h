// Scripts that tests of sql/ share.
#ifndef WEIR_TESTS_UNIT_SQL_SCRIPTS_H_
#define WEIR_TESTS_UNIT_SQL_SCRIPTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "sql/compile.h"

namespace weir {

// Three lines: a source t, sinks o and w. What a test adds begins on line 4.
inline constexpr char kTables[] =
    "CREATE TABLE t (id TEXT NOT NULL, kind TEXT, amount DOUBLE PRECISION, price NUMERIC(10,2), "
    "n INTEGER, b BIGINT, ok BOOLEAN, ts TIMESTAMPTZ, d DATE, j JSONB) WITH (connector='kafka', "
    "brokers='k:9092', topic='t', format='json', event_time='ts', watermark='1 minute');\n"
    "CREATE TABLE o (a TEXT, x DOUBLE PRECISION) WITH (connector='delta', path='o');\n"
    "CREATE TABLE w (s TIMESTAMPTZ, k TEXT, v NUMERIC(38,4)) WITH (connector='delta', path='w');\n";

inline absl::StatusOr<CompiledScript> Compile(
    const std::string& script, const std::map<std::string, std::string>& variables = {}) {
  return CompileScript(script, {variables, "/data"});
}

// Of a script that doesn't compile.
inline std::string ErrorOf(const std::string& script,
                           const std::map<std::string, std::string>& variables = {}) {
  absl::StatusOr<CompiledScript> compiled = Compile(script, variables);
  if (compiled.ok()) return "compiled";
  EXPECT_EQ(compiled.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(compiled.status().message());
}

struct RefusedScript {
  const char* script;
  const char* message;
};

inline void ExpectRefused(const std::string& tables, const std::vector<RefusedScript>& cases) {
  for (const RefusedScript& refused : cases) {
    EXPECT_EQ(ErrorOf(tables + refused.script), refused.message) << refused.script;
  }
}

}  // namespace weir

#endif  // WEIR_TESTS_UNIT_SQL_SCRIPTS_H_
