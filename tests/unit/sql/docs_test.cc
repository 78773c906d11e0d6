// docs/sql.md, so that it can't rot: its scripts and the calls of its tables compile with the types
// that it states, what it calls refused is refused, and no function or option is left out.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/string_view.h"
#include "gtest/gtest.h"
#include "model/functions.h"
#include "model/options.h"
#include "tests/unit/sql/scripts.h"

namespace weir {
namespace {

struct Row {
  int line = 0;
  std::vector<std::string> cells;
};

struct Table {
  std::vector<std::string> header;
  std::vector<Row> rows;
};

struct Page {
  std::string text;
  std::vector<std::string> scripts;  // the ```sql blocks
  std::vector<Table> tables;
};

// Upwards from the test binary, which lies in the checkout's build folder.
std::filesystem::path PageFile() {
  const std::filesystem::path name = "docs/sql.md";
  std::filesystem::path at = std::filesystem::canonical("/proc/self/exe");
  while (at.has_relative_path()) {
    at = at.parent_path();
    if (std::filesystem::exists(at / name)) return at / name;
  }
  return name;
}

// Of a line that begins and ends with |; \| within a cell is a |.
std::vector<std::string> Cells(const std::string& line) {
  const std::string escaped = absl::StrReplaceAll(line, {{"\\|", "\1"}});
  std::vector<std::string> cells = absl::StrSplit(escaped, '|');
  cells.erase(cells.begin());
  if (!cells.empty()) cells.pop_back();
  for (std::string& cell : cells) {
    cell = absl::StrReplaceAll(absl::StripAsciiWhitespace(cell), {{"\1", "|"}});
  }
  return cells;
}

// The pieces of a text in `backticks`.
std::vector<std::string> Code(const std::string& text) {
  const std::vector<std::string> pieces = absl::StrSplit(text, '`');
  std::vector<std::string> code;
  for (size_t i = 1; i < pieces.size(); i += 2) code.push_back(pieces[i]);
  return code;
}

Page Load() {
  Page page;
  std::ifstream file(PageFile());
  bool in_code = false, in_script = false, in_table = false;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    absl::StrAppend(&page.text, line, "\n");
    if (absl::StartsWith(line, "```")) {
      in_code = !in_code;
      in_script = in_code && line == "```sql";
      if (in_script) page.scripts.emplace_back();
      in_table = false;
    } else if (in_script) {
      absl::StrAppend(&page.scripts.back(), line, "\n");
    } else if (!in_code && absl::StartsWith(line, "|")) {
      if (!in_table) page.tables.push_back({Cells(line), {}});
      const bool rule = absl::StartsWith(line, "|---");
      if (in_table && !rule) page.tables.back().rows.push_back({number, Cells(line)});
      in_table = true;
    } else {
      in_table = false;
    }
  }
  return page;
}

const Page& ThePage() {
  static const auto* const page = new Page(Load());
  return *page;
}

// The rows of all tables with the header.
std::vector<Row> RowsOf(const std::vector<std::string>& header) {
  std::vector<Row> rows;
  for (const Table& table : ThePage().tables) {
    if (table.header == header) rows.insert(rows.end(), table.rows.begin(), table.rows.end());
  }
  for (const Row& row : rows) EXPECT_EQ(row.cells.size(), header.size()) << "line " << row.line;
  std::erase_if(rows, [&](const Row& row) { return row.cells.size() != header.size(); });
  return rows;
}

const std::map<std::string, std::string>& Variables() {
  static const auto* const variables =
      new std::map<std::string, std::string>{{"BROKERS", "kafka:9092"}, {"LAKE", "/lake"}};
  return *variables;
}

// The page's first script declares the tables of all shorter examples.
std::string ExampleTables() {
  return ThePage().scripts.empty() ? "" : ThePage().scripts.front() + "\n";
}

absl::StatusOr<CompiledScript> CompileExample(const std::string& statement) {
  const bool whole = absl::StrContains(statement, "CREATE TABLE ");
  return Compile(absl::StrCat(whole ? "" : ExampleTables(), statement), Variables());
}

// As the only value of an INSERT from the example table, over a window if `grouped`.
absl::StatusOr<CompiledScript> CompileValue(const std::string& value, bool grouped) {
  return Compile(
      absl::StrCat(ExampleTables(), "CREATE TABLE probe (v TEXT) WITH (connector = 'delta', ",
                   "path = 'probe');\nINSERT INTO probe SELECT CAST((", value, ") AS TEXT) FROM ",
                   grouped ? "tumble(x, tz, INTERVAL '1 minute') GROUP BY window_start" : "x"),
      Variables());
}

// The type of what CompileValue casts to text.
std::string TypeOfValue(const Plan& plan) {
  for (const VertexSpec& vertex : plan.vertices) {
    for (const OperatorSpec& spec : vertex.operators) {
      const auto* project = std::get_if<ProjectOp>(&spec.op);
      if (project == nullptr || spec.output.size() != 1 || spec.output.columns[0].name != "v") {
        continue;
      }
      const Expr& expr = project->exprs[0];
      return ToString(expr.kind == ExprKind::kCast ? expr.args[0].type : expr.type);
    }
  }
  return "none";
}

// The page abbreviates.
std::string LongName(const std::string& type) {
  if (type == "timestamptz") return "timestamp with time zone";
  if (type == "timestamp") return "timestamp without time zone";
  return type;
}

void CheckCalls(const std::vector<std::string>& header, bool grouped, size_t least) {
  size_t calls = 0;
  for (const Row& row : RowsOf(header)) {
    const std::vector<std::string> values = Code(row.cells[0]);
    const std::vector<std::string> types = absl::StrSplit(row.cells[1], absl::ByString(", "));
    EXPECT_TRUE(types.size() == 1 || types.size() == values.size()) << "line " << row.line;
    for (size_t i = 0; i < values.size(); ++i) {
      ++calls;
      const absl::StatusOr<CompiledScript> compiled = CompileValue(values[i], grouped);
      ASSERT_TRUE(compiled.ok()) << "line " << row.line << ": " << values[i] << "\n"
                                 << compiled.status();
      const std::string type = LongName(types[types.size() == 1 ? 0 : i]);
      // What is text already isn't cast again, so that the plan shows what was made text.
      const bool is_text = absl::EndsWith(values[i], "::TEXT");
      EXPECT_EQ(is_text ? "text" : TypeOfValue(compiled->plan), type)
          << "line " << row.line << ": " << values[i];
    }
  }
  EXPECT_GE(calls, least) << "the page's tables of calls aren't found";
}

TEST(SqlPage, EveryScriptCompilesWithoutWarning) {
  const std::vector<std::string>& scripts = ThePage().scripts;
  ASSERT_GE(scripts.size(), 5u) << PageFile();
  // Declarations only: a script needs an INSERT.
  EXPECT_TRUE(absl::StrContains(ErrorOf(scripts[0], Variables()), "has no INSERT"))
      << ErrorOf(scripts[0], Variables());
  for (size_t i = 1; i < scripts.size(); ++i) {
    const absl::StatusOr<CompiledScript> compiled = CompileExample(scripts[i]);
    ASSERT_TRUE(compiled.ok()) << scripts[i] << compiled.status();
    if (!absl::StrContains(scripts[i], "CREATE TABLE ")) continue;
    EXPECT_TRUE(compiled->warnings.empty()) << scripts[i] << compiled->warnings[0];
  }
}

TEST(SqlPage, CallsHaveTheTypesItStates) {
  CheckCalls({"call", "type", "what it does"}, /*grouped=*/false, 100);
}

TEST(SqlPage, AggregatesHaveTheTypesItStates) {
  CheckCalls({"aggregate", "type", "what it does"}, /*grouped=*/true, 20);
}

// As a statement, a query, or a value.
TEST(SqlPage, WhatItCallsRefusedIsRefused) {
  size_t refused = 0;
  for (const Row& row : RowsOf({"refused", "write instead"})) {
    for (const std::string& code : Code(row.cells[0])) {
      ++refused;
      const bool query = absl::StartsWith(code, "SELECT") || absl::StartsWith(code, "WITH");
      const bool statement = query || absl::StartsWith(code, "CREATE") ||
                             absl::StartsWith(code, "INSERT") || absl::StartsWith(code, "SET") ||
                             absl::StartsWith(code, "EXPLAIN");
      const absl::StatusOr<CompiledScript> compiled =
          statement ? Compile(absl::StrCat(ExampleTables(), query ? "INSERT INTO y (s) " : "", code,
                                           ";\nINSERT INTO y (s) SELECT s FROM x"),
                              Variables())
                    : CompileValue(code, /*grouped=*/false);
      EXPECT_FALSE(compiled.ok()) << "line " << row.line << ": " << code;
      // Not for a misprint on the page, nor for what its abbreviated statements leave out.
      for (const char* other : {"syntax error", "doesn't say what it is"}) {
        EXPECT_FALSE(absl::StrContains(compiled.status().message(), other))
            << "line " << row.line << ": " << compiled.status();
      }
    }
  }
  EXPECT_GE(refused, 30u) << "the page's tables of what is refused aren't found";
}

TEST(SqlPage, NamesEveryFunction) {
  // They have symbols or words of their own; BindOperator reads them.
  const std::set<std::string> operators = {
      "add", "subtract", "multiply", "divide", "modulo", "negate",    "eq",
      "ne",  "lt",       "le",       "gt",     "ge",     "concat_op", "is_distinct_from"};
  // The page has these in upper case, as SQL writes them, or as part of another syntax.
  const std::map<std::string, std::string> spellings = {
      {"like", " LIKE "}, {"ilike", " ILIKE "}, {"timezone", "AT TIME ZONE"}};
  std::string calls;
  for (const Row& row : RowsOf({"call", "type", "what it does"})) {
    absl::StrAppend(&calls, " ", absl::StrJoin(Code(row.cells[0]), " "), "\n");
  }
  std::set<std::string> names;
  for (const FunctionSignature& signature : AllFunctions()) {
    if (operators.count(signature.name) == 0) names.insert(signature.name);
  }
  ASSERT_GT(names.size(), 50u);
  for (const std::string& name : names) {
    const auto spelling = spellings.find(name);
    const std::string wanted =
        spelling == spellings.end() ? absl::StrCat(" ", name, "(") : spelling->second;
    const std::string nested = absl::StrCat("(", name, "(");
    EXPECT_TRUE(absl::StrContains(calls, wanted) || absl::StrContains(calls, nested))
        << "docs/sql.md doesn't have function " << name;
  }
}

void CheckOptions(const std::string& connector, std::span<const OptionSchema> options) {
  std::vector<Row> rows;
  for (const Table& table : ThePage().tables) {
    if (table.header == std::vector<std::string>{connector, "meaning", "default", "accepted"}) {
      rows = table.rows;
    }
  }
  EXPECT_EQ(rows.size(), options.size()) << connector;
  for (const OptionSchema& option : options) {
    const std::string name = absl::StrCat("`", AbslView(option.name), "`");
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& candidate) {
      return candidate.cells.size() == 4 && candidate.cells[0] == name;
    });
    ASSERT_NE(row, rows.end()) << connector << " lacks " << option.name;
    const std::string default_value =
        option.required                ? "required"
        : option.default_value.empty() ? "none"
                                       : absl::StrCat("`'", AbslView(option.default_value), "'`");
    EXPECT_EQ(row->cells[2].substr(0, default_value.size()), default_value) << option.name;
    for (const std::string_view allowed : option.allowed) {
      EXPECT_TRUE(absl::StrContains(row->cells[3], absl::StrCat("`'", AbslView(allowed), "'`")))
          << option.name << " takes " << allowed;
    }
  }
}

TEST(SqlPage, HasEveryOptionWithItsDefault) {
  CheckOptions("source option", KafkaSourceOptions());
  CheckOptions("sink option", DeltaSinkOptions());
  CheckOptions("setting", JobOptions());
}

}  // namespace
}  // namespace weir
