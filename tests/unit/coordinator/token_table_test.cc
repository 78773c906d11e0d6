#include "coordinator/token_table.h"

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Line(const std::string& name, const std::string& role, const std::string& token) {
  return absl::StrCat(name, " ", role, " ", Sha256Hex(token), "\n");
}

TEST(TokenTableTest, FindsHoldersByTheirTokens) {
  const auto table = TokenTable::Parse(absl::StrCat("# people\n\n", Line("ann", "admin", "one"),
                                                    Line("ann", "viewer", "two"), "bob\toperator ",
                                                    Sha256Hex("three"), "\r\n"));
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_NE(table->Find("one"), nullptr);
  EXPECT_EQ(table->Find("one")->role, Role::kAdmin);
  EXPECT_EQ(table->Find("two")->role, Role::kViewer);
  EXPECT_EQ(table->Find("three")->name, "bob");
  for (const char* wrong : {"", "on", "one ", "ONE", "# people"}) {
    EXPECT_EQ(table->Find(wrong), nullptr) << wrong;
  }
  // The hash isn't the token.
  EXPECT_EQ(table->Find(Sha256Hex("one")), nullptr);
}

TEST(TokenTableTest, RefusesWithoutRepeatingWhatStandsThere) {
  const std::string hash = Sha256Hex("x");
  const std::vector<std::string> wrong = {"",
                                          "# nobody\n",
                                          "secret " + hash,
                                          "secret admin",
                                          "secret king " + hash,
                                          "secret Admin " + hash,
                                          "secret admin " + hash.substr(1),
                                          "secret admin " + hash + "0",
                                          "secret admin z" + hash.substr(1),
                                          "secret admin " + hash + " more",
                                          "secret\x01 admin " + hash};
  for (const std::string& text : wrong) {
    const auto table = TokenTable::Parse("\n" + text);
    ASSERT_FALSE(table.ok()) << text;
    EXPECT_TRUE(absl::IsInvalidArgument(table.status()));
    EXPECT_THAT(std::string(table.status().message()), Not(HasSubstr("secret")));
    EXPECT_THAT(std::string(table.status().message()), Not(HasSubstr(hash)));
  }
}

TEST(TokenTableTest, BoundsHowMany) {
  std::string text;
  for (size_t i = 0; i < kTokensMax; ++i)
    absl::StrAppend(&text, Line("n", "viewer", absl::StrCat(i)));
  EXPECT_TRUE(TokenTable::Parse(text).ok());
  EXPECT_FALSE(TokenTable::Parse(text + Line("n", "viewer", "more")).ok());
}

class TokenFileTest : public ::testing::Test {
 protected:
  void Write(const std::string& text) { std::ofstream(path_) << text; }
  bool Knows(TokenFile& file, const std::string& token) {
    return file.table()->Find(token) != nullptr;
  }
  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "tokens";
  FakeClock clock_;
};

TEST_F(TokenFileTest, ReadsAChangedFileAgainAndKeepsTheLastGoodOne) {
  Write(Line("ann", "admin", "one"));
  auto file = TokenFile::Open(path_, &clock_);
  ASSERT_TRUE(file.ok()) << file.status();
  Write(Line("ann", "admin", "another"));
  EXPECT_TRUE(Knows(**file, "one"));  // not yet looked
  clock_.Advance(1'000'000);
  EXPECT_FALSE(Knows(**file, "one"));
  EXPECT_TRUE(Knows(**file, "another"));
  Write("nonsense\n");
  clock_.Advance(1'000'000);
  EXPECT_TRUE(Knows(**file, "another"));
  std::remove(path_.c_str());
  clock_.Advance(1'000'000);
  EXPECT_TRUE(Knows(**file, "another"));
}

TEST_F(TokenFileTest, RefusesToBeginWithoutOne) {
  const auto missing = TokenFile::Open(path_, &clock_);
  EXPECT_TRUE(absl::IsInvalidArgument(missing.status()));
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr(path_));
  Write("");
  EXPECT_TRUE(absl::IsInvalidArgument(TokenFile::Open(path_, &clock_).status()));
}

}  // namespace
}  // namespace weir
