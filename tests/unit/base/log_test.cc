#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/log_format.h"

namespace weir {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class LogFormatTest : public ::testing::Test {
 protected:
  ~LogFormatTest() override { SetLogFormat(LogFormat::kText); }
  template <class Write>
  static std::string Written(Write write) {
    ::testing::internal::CaptureStderr();
    write();
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogFormatTest, TextLines) {
  EXPECT_THAT(Written([] {
                WEIR_LOG(kInfo, "job restarts", {"job", "a-1"}, {"why", "a \"b\"\n"});
              }),
              MatchesRegex("[0-9T:.-]+Z INFO job restarts job=a-1 why=\"a .\"b.\".n\"\n"));
}

TEST_F(LogFormatTest, JsonLinesAreOneObjectEach) {
  SetLogFormat(LogFormat::kJson);
  const std::string line = Written([] {
    WEIR_LOG(kWarning, "job restarts", {"job", "a-1"}, {"task", 3},
             {"why", "two\nlines \xff \"q\""});
  });
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << "a value can't forge a line";
  const nlohmann::json parsed = nlohmann::json::parse(line);
  EXPECT_EQ(parsed["level"], "WARNING");
  EXPECT_EQ(parsed["text"], "job restarts");
  EXPECT_EQ(parsed["job"], "a-1");
  EXPECT_EQ(parsed["task"], "3");
  EXPECT_THAT(parsed["why"].get<std::string>(), HasSubstr("two\nlines"));
  EXPECT_THAT(parsed["time"].get<std::string>(), EndsWith("Z"));
  EXPECT_FALSE(parsed.contains("thread"));
}

TEST_F(LogFormatTest, JsonLinesNameTheThread) {
  SetLogFormat(LogFormat::kJson);
  const std::string line = Written([] {
    std::thread([] {
      SetThreadName("slot/0");
      WEIR_LOG(kInfo, "x");
    }).join();
  });
  EXPECT_EQ(nlohmann::json::parse(line)["thread"], "slot/0");
}

TEST_F(LogFormatTest, QuietLevelsWriteNothing) {
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    SetLogFormat(format);
    EXPECT_EQ(Written([] { WEIR_LOG(kDebug, "x"); }), "");
  }
}

TEST_F(LogFormatTest, BrokenInvariantsAreLinesToo) {
  SetLogFormat(LogFormat::kJson);
  EXPECT_DEATH(WEIR_CHECK(1 == 2, "sum ", 3), R"("level":"FATAL".*1 == 2: sum 3)");
}

}  // namespace
}  // namespace weir
