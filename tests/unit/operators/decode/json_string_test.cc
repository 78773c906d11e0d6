#include "operators/decode/json_string.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace weir {
namespace {

std::optional<std::string> Unescape(std::string_view raw) {
  std::string out(raw.size(), '#');
  char* end = UnescapeJson(raw, out.data());
  EXPECT_EQ(ValidJsonEscapes(raw), end != nullptr) << raw;
  if (end == nullptr) return std::nullopt;
  out.resize(static_cast<size_t>(end - out.data()));
  return out;
}

TEST(UnescapeJson, EveryEscape) {
  EXPECT_EQ(Unescape(""), "");
  EXPECT_EQ(Unescape("plain"), "plain");
  EXPECT_EQ(Unescape(R"(\"\\\/\b\f\n\r\t)"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(Unescape(R"(a\u0041b)"), "aAb");
  EXPECT_EQ(Unescape(R"(\u00E9\u20ac)"), "é€");
  EXPECT_EQ(Unescape(R"(\ud83d\uDE00!)"), "😀!");
  EXPECT_EQ(Unescape(R"(\u0000)"), std::string(1, '\0'));
  EXPECT_EQ(Unescape(R"(\uffff\ud800\udc00\udbff\udfff)"),
            "\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
}

TEST(UnescapeJson, RefusesWhatIsNone) {
  for (const char* raw :
       {"\\", "\\x", "\\u", "\\u12", "\\u12g4", "\\U0041", "a\\", "\\ud800", "\\ud800x",
        "\\ud800\\n", "\\ud800\\u0041", "\\udc00", "\\ud83d\\ud83d", "\\ud83d\\uDE0"}) {
    EXPECT_EQ(Unescape(raw), std::nullopt) << raw;
  }
}

std::optional<std::string> Base64(std::string_view text) {
  std::string out(text.size(), '#');
  char* end = DecodeBase64(text, out.data());
  if (end == nullptr) return std::nullopt;
  out.resize(static_cast<size_t>(end - out.data()));
  return out;
}

TEST(DecodeBase64, Rfc4648Vectors) {
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("Zg=="), "f");
  EXPECT_EQ(Base64("Zm8="), "fo");
  EXPECT_EQ(Base64("Zm9v"), "foo");
  EXPECT_EQ(Base64("Zm9vYg=="), "foob");
  EXPECT_EQ(Base64("Zm9vYmE="), "fooba");
  EXPECT_EQ(Base64("Zm9vYmFy"), "foobar");
  EXPECT_EQ(Base64("+/+/"), "\xfb\xff\xbf");
}

TEST(DecodeBase64, RefusesOtherSpellings) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v\n", "Zm 9v", "-_-_",
                           "=", "====", "Zg==Zg==", "Z===", "Zm=v"}) {
    EXPECT_EQ(Base64(text), std::nullopt) << text;
  }
}

TEST(CanonicalUuid, LowerCaseOrNothing) {
  char out[36];
  ASSERT_TRUE(CanonicalUuid("ABCDEF01-2345-6789-abcd-EF0123456789", out));
  EXPECT_EQ(std::string(out, 36), "abcdef01-2345-6789-abcd-ef0123456789");
  for (const char* text :
       {"", "ABCDEF01-2345-6789-abcd-EF012345678", "ABCDEF01-2345-6789-abcd-EF01234567890",
        "ABCDEF01x2345-6789-abcd-EF0123456789", "gBCDEF01-2345-6789-abcd-EF0123456789",
        "-BCDEF01-2345-6789-abcd-EF0123456789"}) {
    EXPECT_FALSE(CanonicalUuid(text, out)) << text;
  }
}

}  // namespace
}  // namespace weir
