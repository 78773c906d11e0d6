#include "cli/script_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SameWordsTest, LayoutAndCommentsMakeNoDifference) {
  EXPECT_TRUE(SameWords("SELECT a, b FROM t;", "SELECT a,b -- names\n/* all */\n  FROM t ;\n"));
  EXPECT_TRUE(SameWords("", " -- nothing"));
}

TEST(SameWordsTest, WordsDo) {
  EXPECT_FALSE(SameWords("SELECT a", "SELECT b"));
  EXPECT_FALSE(SameWords("SELECT 'a b'", "SELECT 'a  b'")) << "blanks in a literal are content";
  EXPECT_FALSE(SameWords("SELECT '-- a'", "SELECT '-- b'")) << "no comment";
  EXPECT_FALSE(SameWords("SELECT a", "SELECT a;"));
  EXPECT_FALSE(SameWords("CREATE TABLE eventTime", "CREATE TABLE eventtime"))
      << "a table keeps the spelling";
  EXPECT_FALSE(SameWords("SELECT a b", "SELECT ab"));
}

TEST(NormalLinesTest, DropCommentsAndBlanks) {
  EXPECT_THAT(NormalLines("-- top\nSELECT  a,\n\n   count(*) /* rows */ FROM\tt"),
              ElementsAre("SELECT a,", "count(*) FROM t"));
  EXPECT_THAT(NormalLines("SELECT 'two\n  lines'"), ElementsAre("SELECT 'two\n  lines'"));
  EXPECT_THAT(NormalLines(" -- nothing"), IsEmpty());
}

TEST(DiffLinesTest, ShowsChangesWithContext) {
  EXPECT_THAT(DiffLines({"a", "b", "c"}, {"a", "b", "c"}, 3), IsEmpty());
  EXPECT_THAT(DiffLines({}, {"a", "b"}, 3), ElementsAre("+a", "+b"));
  EXPECT_THAT(DiffLines({"a"}, {}, 0), ElementsAre("-a"));
  EXPECT_THAT(DiffLines({"a", "b", "c", "d", "e"}, {"a", "b", "c", "x", "e"}, 1),
              ElementsAre("@@", " c", "-d", "+x", " e"));
  EXPECT_THAT(DiffLines({"1", "a", "b", "c", "2"}, {"one", "a", "b", "c", "two"}, 0),
              ElementsAre("-1", "+one", "@@", "-2", "+two"));
  EXPECT_THAT(DiffLines({"a", "b"}, {"b", "a"}, 0).size(), 3u) << "the shortest";
}

TEST(DiffLinesTest, VeryLongScriptsAreReplacedAsAWhole) {
  const std::vector<std::string> before(3'000, "a"), after(1, "a");
  EXPECT_EQ(DiffLines(before, after, 3).size(), 3'001u);
}

}  // namespace
}  // namespace weir
