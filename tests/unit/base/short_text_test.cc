#include "base/short_text.h"

#include <string>

#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(ShortTextTest, WhatFitsStays) {
  EXPECT_EQ(ShortText("", 0), "");
  EXPECT_EQ(ShortText("abcd", 4), "abcd");
}

TEST(ShortTextTest, TheRestIsCountedNotKept) {
  EXPECT_EQ(ShortText("abcde", 4), "abcd... (5 bytes)");
  EXPECT_EQ(ShortText(std::string(100'000'000, 'x'), 0), "... (100000000 bytes)");
}

TEST(ShortTextTest, CutsBetweenCharacters) {
  const std::string euro = "\xE2\x82\xAC";
  EXPECT_EQ(ShortText("ab" + euro, 4), "ab... (5 bytes)");
  EXPECT_EQ(ShortText("a" + euro + "b", 4), "a" + euro + "... (5 bytes)");
  const std::string smile = "\xF0\x9F\x98\x80";
  EXPECT_EQ(ShortText(smile + smile, 7), smile + "... (8 bytes)");
}

TEST(ShortTextTest, WhatIsNoTextIsCutAllTheSame) {
  EXPECT_EQ(ShortText(std::string(10, '\x80'), 8), std::string(5, '\x80') + "... (10 bytes)");
}

}  // namespace
}  // namespace weir
