#include "model/json_text.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(JsonTextTest, EscapesWhatJsonWantsEscaped) {
  EXPECT_EQ(JsonString(""), R"("")");
  EXPECT_EQ(JsonString("plain, näme"), R"("plain, näme")");
  EXPECT_EQ(JsonString("a\"b\\c\n"), R"("a\"b\\c\u000a")");
  EXPECT_EQ(JsonString("\"\"tail"), R"("\"\"tail")");
  EXPECT_EQ(JsonString(std::string_view("\0\x1f", 2)), R"("\u0000\u001f")");
}

TEST(JsonTextTest, TellsTheEndsOfTime) {
  EXPECT_EQ(JsonTime(kMinEventTime), "null");
  EXPECT_EQ(JsonTime(kMaxEventTime), "\"infinity\"");
  EXPECT_EQ(JsonTime(EventTime{-1}), "\"1969-12-31T23:59:59.999999Z\"");
}

TEST(JsonTextTest, ObjectsKeepTheOrderOfAdding) {
  EXPECT_EQ(JsonObject().str(), "{}");
  EXPECT_EQ(JsonObject().Add("b", -1).Add("a", "x\"").AddRaw("a\"b", "[1]").str(),
            R"({"b":-1,"a":"x\"","a\"b":[1]})");
}

}  // namespace
}  // namespace weir
