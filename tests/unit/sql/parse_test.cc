#include "sql/parse.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "sql/large_stack.h"

namespace weir {
namespace {

std::vector<Statement> Parse(const std::string& text) {
  absl::StatusOr<std::vector<Statement>> statements;
  absl::StatusOr<Script> script = Script::Fill(text, {});
  EXPECT_TRUE(script.ok()) << script.status();
  EXPECT_TRUE(RunOnLargeStack([&] { statements = ParseScript(*script); }).ok());
  EXPECT_TRUE(statements.ok()) << statements.status();
  return statements.ok() ? *std::move(statements) : std::vector<Statement>();
}

// The first value of the select list.
AstExpr ParseValue(const std::string& text) {
  const std::vector<Statement> statements =
      Parse(absl::StrCat("INSERT INTO o SELECT ", text, " FROM t"));
  return std::get<Insert>(statements.at(0).node).select->items.at(0).expr;
}

TEST(ParseScript, KeepsSpellings) {
  const std::vector<Statement> statements =
      Parse("CREATE TABLE Tab (userId TEXT, \"Quoted \"\"Name\" INT) WITH (Connector = 'Kafka');");
  const CreateTable& table = std::get<CreateTable>(statements.at(0).node);
  EXPECT_EQ(table.name.text, "Tab");
  EXPECT_EQ(table.columns.at(0).name.text, "userId");
  EXPECT_FALSE(table.columns.at(0).name.quoted);
  EXPECT_EQ(table.columns.at(1).name.text, "Quoted \"Name");
  EXPECT_TRUE(table.columns.at(1).name.quoted);
  EXPECT_EQ(table.options.at(0).name, "connector");
  EXPECT_EQ(table.options.at(0).value, "Kafka");
  const AstExpr column = ParseValue("Tab . \"X y\"");
  EXPECT_EQ(column.path.at(0).text, "Tab");
  EXPECT_EQ(column.path.at(1).text, "X y");
}

// libpg_query 15 leaves negative integers out of its JSON.
TEST(ParseScript, KeepsWholeNumbers) {
  EXPECT_EQ(ParseValue("0").text, "0");
  EXPECT_EQ(ParseValue("-0").text, "0");
  EXPECT_EQ(ParseValue("-5").text, "-5");
  EXPECT_EQ(ParseValue("- /* minus */ 5").text, "-5");
  EXPECT_EQ(ParseValue("-(-(-5))").text, "-5");
  EXPECT_EQ(ParseValue("- -5").text, "5");
  EXPECT_EQ(ParseValue("-2147483647").text, "-2147483647");
  EXPECT_EQ(ParseValue("-2147483648").text, "-2147483648");
  EXPECT_EQ(ParseValue("CAST(x AS NUMERIC(-3, 0))").type.modifiers, (std::vector<int>{-3, 0}));
  const std::vector<Statement> statements =
      Parse("CREATE TABLE t (a INT) WITH (a = -7, b = 0, c = -1.5); SET x = -3;");
  const CreateTable& table = std::get<CreateTable>(statements.at(0).node);
  EXPECT_EQ(table.options.at(0).value, "-7");
  EXPECT_EQ(table.options.at(1).value, "0");
  EXPECT_EQ(table.options.at(2).value, "-1.5");
  EXPECT_EQ(std::get<SetOption>(statements.at(1).node).option.value, "-3");
}

TEST(ParseScript, KeepsEveryCharacterOfText) {
  std::string all;
  for (int c = 1; c < 128; ++c) all += static_cast<char>(c);
  all += "äöü€😀\u2028";
  std::string quoted;
  for (char c : all) quoted.append(c == '\'' ? 2 : 1, c);
  EXPECT_EQ(ParseValue(absl::StrCat("'", quoted, "'")).text, all);
  EXPECT_EQ(ParseValue("''").text, "");
  EXPECT_EQ(ParseValue("E'a\\n\\u00e9'").text, "a\né");
  EXPECT_EQ(ParseValue("$tag$it's$tag$").text, "it's");
}

TEST(ParseScript, ReadsIntervalsWithTheirFieldBehind) {
  EXPECT_EQ(ParseValue("INTERVAL '5' MINUTE").args.at(0).text, "5 minute");
  EXPECT_EQ(ParseValue("INTERVAL '2' DAY").args.at(0).text, "2 day");
  EXPECT_EQ(ParseValue("INTERVAL '5 minutes'").args.at(0).text, "5 minutes");
}

TEST(ParseScript, PlacesNodes) {
  const std::string text = "SET a = 1;\n  INSERT INTO o\nSELECT x + lower(y) FROM t";
  const std::vector<Statement> statements = Parse(text);
  EXPECT_EQ(statements.at(1).at, static_cast<int>(text.find("INSERT")));
  const AstExpr& sum = std::get<Insert>(statements.at(1).node).select->items.at(0).expr;
  EXPECT_EQ(sum.at, static_cast<int>(text.find("+")));
  EXPECT_EQ(sum.args.at(1).at, static_cast<int>(text.find("lower")));
}

}  // namespace
}  // namespace weir
