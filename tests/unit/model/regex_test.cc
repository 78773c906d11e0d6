#include "model/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

using testing::HasSubstr;

std::string ErrorOf(const std::string& pattern, const std::string& flags = "") {
  return Regex(pattern, flags, /*allow_global=*/false).error();
}

TEST(RegexTest, Matches) {
  EXPECT_TRUE(Regex("^a+$", "", false).Matches("aaa"));
  EXPECT_FALSE(Regex("^a+$", "", false).Matches("aab"));
  EXPECT_TRUE(Regex("A.C", "iq", false).Matches("xa.cx"));
  EXPECT_TRUE(Regex("a", "g", /*allow_global=*/true).global());
}

TEST(RegexTest, RefusesPatternsThatAreTooLong) {
  EXPECT_EQ(ErrorOf(std::string(kRegexPatternBytesMax, 'a')), "");
  EXPECT_THAT(ErrorOf(std::string(kRegexPatternBytesMax + 1, 'a')),
              HasSubstr("1001 bytes; at most 1000 are accepted"));
}

TEST(RegexTest, RefusesPatternsThatWouldNeedTooMuch) {
  EXPECT_NE(ErrorOf("((a{100}){100}){100}"), "");
  std::string classes;
  for (int i = 0; i < 90; ++i) classes += "\\w{9}.{9}";
  EXPECT_THAT(ErrorOf(classes + "(\\w{500}){2}"), HasSubstr("too large"));
}

TEST(RegexTest, RefusesWhatRe2HasNot) {
  for (const char* pattern : {"(a)\\1", "a(?=b)", "(?<!a)b", "\\mword", "(", "a**", "[z-a]", "\\"})
    EXPECT_THAT(ErrorOf(pattern), HasSubstr("(RE2 syntax)")) << pattern;
  for (const char* flags : {"g", "x", "e", " "}) EXPECT_NE(ErrorOf("a", flags), "") << flags;
}

// Patterns that take an engine with backtracking exponential time.
TEST(RegexTest, TimeIsLinearInTheText) {
  const std::string text = std::string(1 << 20, 'a') + "!";
  for (const char* pattern : {"^(a+)+$", "(a|aa)+$", "^(a|a?)+$", "(.*)(.*)(.*)(.*)(.*)[^a!]"})
    EXPECT_FALSE(Regex(pattern, "", false).Matches(text)) << pattern;
}

}  // namespace
}  // namespace weir
