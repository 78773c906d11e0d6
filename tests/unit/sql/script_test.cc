#include "sql/script.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/unit/sql/scripts.h"

namespace weir {
namespace {

std::string Filled(const std::string& script, const std::map<std::string, std::string>& variables) {
  absl::StatusOr<Script> filled = Script::Fill(script, variables);
  return filled.ok() ? filled->filled() : std::string(filled.status().message());
}

TEST(Script, FillsVariablesWhereverTheyStand) {
  const std::map<std::string, std::string> variables = {{"TOPIC", "tx"}, {"N", "5"}, {"_a1", "q"}};
  EXPECT_EQ(Filled("topic = '${TOPIC}-${N}', ${N} + ${N}${N}", variables),
            "topic = 'tx-5', 5 + 55");
  EXPECT_EQ(Filled("\"${_a1}\" $x$ ${TOPIC} $x$", variables), "\"q\" $x$ tx $x$");
  EXPECT_EQ(Filled("no variables at all $1 $$ a $$", variables), "no variables at all $1 $$ a $$");
}

TEST(Script, LeavesCommentsAndSecretReferences) {
  EXPECT_EQ(Filled("-- ${A}\n/* ${B} /* ${C} */ */ '${env:WEIR_SECRET_X}'", {}),
            "-- ${A}\n/* ${B} /* ${C} */ */ '${env:WEIR_SECRET_X}'");
}

TEST(Script, ValuesStandForThemselvesInsideQuotes) {
  EXPECT_EQ(Filled("'${A}'", {{"A", "O'Brien's"}}), "'O''Brien''s'");
  EXPECT_EQ(Filled("\"${A}\"", {{"A", "a\"b'c"}}), "\"a\"\"b'c\"");
  EXPECT_EQ(Filled("E'${A}'", {{"A", "a\\b'c"}}), "E'a\\\\b''c'");
  // A value isn't filled again.
  EXPECT_EQ(Filled("'${A}'", {{"A", "${B}"}}), "'${B}'");
}

TEST(Script, RefusesVariables) {
  EXPECT_EQ(Filled("SELECT\n  '${TOPIK}'", {{"TOPIC", "x"}}),
            "line 2, column 4: variable ${TOPIK} has no value: give it with --var TOPIK=VALUE (did "
            "you mean ${TOPIC}?)");
  EXPECT_EQ(
      Filled("${a b}", {}),
      "line 1, column 1: ${a b} is neither a variable, ${NAME} of letters, digits and _, nor a "
      "secret reference, ${kind:name}");
  EXPECT_EQ(Filled("x ${", {}), "line 1, column 3: ${ without the closing } of a variable");
  EXPECT_EQ(Filled("'${A}'", {{"A", "\xff"}}), "line 1, column 2: the value of ${A} isn't UTF-8");
}

TEST(Script, PlacesReferToTheSubmittedText) {
  // A value of several lines in front moves nothing; an error inside a value is at its variable.
  const std::string script = "SET retain_checkpoints = ${N};\nSELEC ${X} 1";
  EXPECT_EQ(ErrorOf(script, {{"N", "\n\n\n3"}, {"X", "yyyyyyyyyyyyyyyyy"}}).substr(0, 52),
            "line 2, column 1: syntax error at or near \"SELEC\"; s");
  EXPECT_EQ(ErrorOf("SET retain_checkpoints = ${N};", {{"N", "3 +"}}),
            "line 1, column 26: syntax error at or near \"+\"");
  EXPECT_EQ(
      ErrorOf("SET retain_checkpoints =   ${N};", {{"N", "   'x'"}}),
      "line 1, column 28: 'x' isn't a value of retain_checkpoints: accepted are whole numbers "
      "from 1 to 1000");
}

TEST(Script, ColumnsCountCharacters) {
  EXPECT_EQ(ErrorOf("/* äöü€😀 */ SELEC").substr(0, 17), "line 1, column 13");
  EXPECT_EQ(ErrorOf("/*\n😀 */ SELEC").substr(0, 16), "line 2, column 6");
}

TEST(Script, SkipsAByteOrderMark) {
  EXPECT_EQ(Filled("\xEF\xBB\xBFSELECT 1", {}), "SELECT 1");
  EXPECT_EQ(ErrorOf("\xEF\xBB\xBF SELEC").substr(0, 16), "line 1, column 2");
}

TEST(Script, RefusesWhatIsNoText) {
  EXPECT_EQ(ErrorOf(std::string("SET\0", 4)),
            "line 1, column 4: the script holds a NUL byte: is it a text file?");
  for (const char* bad :
       {"\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"}) {
    EXPECT_NE(ErrorOf(bad).find("the script isn't UTF-8 here"), std::string::npos) << bad;
  }
}

TEST(Script, RefusesWhatIsTooLarge) {
  EXPECT_EQ(
      ErrorOf(std::string(kScriptBytesMax + 1, ' ')),
      "the script has 1048577 bytes; at most 1048576 are accepted: split it into several jobs");
  EXPECT_EQ(
      ErrorOf("'${A}${A}${A}'", {{"A", std::string(500'000, 'x')}}),
      "with its variables filled in the script has more than 1048576 bytes; at most as many are "
      "accepted: split it into several jobs");
  std::string sum = "SELECT 1";
  for (int i = 0; i < kStatementTokensMax / 2; ++i) sum += "+1";
  EXPECT_EQ(
      ErrorOf(sum),
      "line 1, column 20007: the statement is too large: more than 20000 words and operators; "
      "split it with views");
  EXPECT_EQ(ErrorOf(absl::StrCat("SELECT ", std::string(64, 'x'))),
            "line 1, column 8: the identifier has 64 bytes; at most 63 are accepted");
  EXPECT_EQ(ErrorOf(absl::StrCat("SELECT \"", std::string(64, 'x'), "\"")),
            "line 1, column 8: the identifier has 64 bytes; at most 63 are accepted");
}

TEST(Script, AValueThatStandsInManyPlacesIsCountedAtOnce) {
  std::string script;
  for (int i = 0; i < 100'000; ++i) script += "${A}";
  // All of them would take 100 GB.
  EXPECT_NE(ErrorOf(script, {{"A", std::string(1'000'000, 'x')}}).find("more than 1048576 bytes"),
            std::string::npos);
}

std::string Columns(int count) {
  std::string list;
  for (int i = 0; i < count; ++i) absl::StrAppend(&list, i == 0 ? "" : ", ", "c", i, " TEXT");
  return list;
}

TEST(Script, RefusesMoreStatementsAndColumnsThanThereMayBe) {
  std::string views = kTables;
  for (int i = 0; i < kStatementsMax - 4; ++i)
    absl::StrAppend(&views, "CREATE VIEW v", i, " AS SELECT id FROM t;\n");
  EXPECT_EQ(ErrorOf(views + "INSERT INTO o SELECT id, n FROM t;"), "compiled");
  EXPECT_NE(ErrorOf(views + "CREATE VIEW x AS SELECT id FROM t; INSERT INTO o SELECT id, n FROM t;")
                .find("more than 500 statements; split it into several jobs"),
            std::string::npos);
  const auto table = [](int count) {
    return absl::StrCat("CREATE TABLE s (", Columns(count),
                        ") WITH (connector='kafka', brokers='k:1', topic='t', format='json'); "
                        "INSERT INTO o SELECT c0, 1 FROM s");
  };
  EXPECT_EQ(ErrorOf(absl::StrCat(kTables, table(kColumnsMax))), "compiled");
  EXPECT_NE(ErrorOf(absl::StrCat(kTables, table(kColumnsMax + 1)))
                .find("table s has 1001 columns; at most 1000 are accepted"),
            std::string::npos);
  std::string stars = "*";
  for (int i = 0; i < 5'000; ++i) stars += ",*";
  EXPECT_NE(ErrorOf(absl::StrCat(kTables, "INSERT INTO o SELECT ", stars, " FROM t"))
                .find("the select list has more than 1000 columns"),
            std::string::npos);
}

// Each view names the column below twice, so that 2^190 nodes would stand in for its value.
TEST(Script, ViewsThatDoubleAtEveryLevelCompile) {
  std::string script = kTables;
  std::string below = "t";
  for (int i = 0; i < 190; ++i) {
    absl::StrAppend(&script, "CREATE VIEW v", i, " AS SELECT id, n + n AS n FROM ", below, ";");
    below = absl::StrCat("v", i);
  }
  EXPECT_EQ(ErrorOf(absl::StrCat(script, "INSERT INTO o SELECT id, n FROM ", below)), "compiled");
}

TEST(Script, WideViewsOverViewsAreRefusedSoon) {
  std::string script = absl::StrCat("CREATE TABLE s (", Columns(kColumnsMax),
                                    ") WITH (connector='kafka', brokers='k:1', topic='t', "
                                    "format='json');");
  std::string below = "s";
  for (int i = 0; i < 190; ++i) {
    absl::StrAppend(&script, "CREATE VIEW v", i, " AS SELECT * FROM ", below, ";");
    below = absl::StrCat("v", i);
  }
  EXPECT_NE(ErrorOf(script).find("its SELECT lists come to more than 200000 columns"),
            std::string::npos);
}

TEST(Script, NestingAtTheCapsIsRefusedNotACrash) {
  std::string sum = absl::StrCat(kTables, "INSERT INTO o SELECT id, 1");
  for (int i = 0; i < 9'900; ++i) sum += "+1";
  EXPECT_NE(ErrorOf(sum + " FROM t").find("nested more than 200 levels deep"), std::string::npos);
  std::string parentheses = absl::StrCat(kTables, "INSERT INTO o SELECT id, ");
  parentheses += std::string(4'000, '(') + "1" + std::string(4'000, ')') + " FROM t";
  EXPECT_EQ(ErrorOf(parentheses), "compiled");
  std::string subqueries = "t";
  for (int i = 0; i < 300; ++i) subqueries = absl::StrCat("(SELECT * FROM ", subqueries, ") q");
  EXPECT_NE(ErrorOf(absl::StrCat(kTables, "INSERT INTO o SELECT id, n FROM ", subqueries))
                .find("nested more than 200 levels deep"),
            std::string::npos);
  // What is written once and evaluated twice doubles with every level.
  std::string doubled = "n";
  for (int i = 0; i < 60; ++i) doubled = absl::StrCat("(", doubled, " BETWEEN 1 AND 2)::int");
  EXPECT_NE(ErrorOf(absl::StrCat(kTables, "INSERT INTO o SELECT id, ", doubled, " FROM t"))
                .find("the expression becomes too large"),
            std::string::npos);
}

}  // namespace
}  // namespace weir
