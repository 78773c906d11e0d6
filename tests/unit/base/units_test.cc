#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/byte_size.h"
#include "base/duration.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

TEST(ByteSizeTest, Reads) {
  EXPECT_EQ(*ParseByteSize("0"), 0);
  EXPECT_EQ(*ParseByteSize("1048576"), 1048576);
  EXPECT_EQ(*ParseByteSize("512MiB"), 512LL << 20);
  EXPECT_EQ(*ParseByteSize("2GiB"), 2LL << 30);
  EXPECT_EQ(*ParseByteSize("512Mi"), 512LL << 20);
  EXPECT_EQ(*ParseByteSize("1.5 gib"), 3LL << 29);
  EXPECT_EQ(*ParseByteSize("10KB"), 10'000);
  EXPECT_EQ(*ParseByteSize(" 3 b "), 3);
}

TEST(ByteSizeTest, Refuses) {
  for (const char* bad : {"", "GiB", "-1GiB", "2 gigs", "1e3", "2GiB2", "1.2.3", "9999999TiB"}) {
    const auto size = ParseByteSize(bad);
    EXPECT_EQ(size.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(size.status().message()), HasSubstr("512MiB")) << bad;
  }
}

TEST(ByteSizeTest, Prints) {
  EXPECT_EQ(FormatByteSize(0), "0 B");
  EXPECT_EQ(FormatByteSize(1023), "1023 B");
  EXPECT_EQ(FormatByteSize(1536), "1.5 KiB");
  EXPECT_EQ(FormatByteSize(2LL << 30), "2.0 GiB");
  EXPECT_EQ(FormatByteSize(INT64_MAX), "8.0 EiB");
}

TEST(DurationTest, Reads) {
  EXPECT_EQ(*ParseDuration("10s"), 10'000'000);
  EXPECT_EQ(*ParseDuration("500ms"), 500'000);
  EXPECT_EQ(*ParseDuration("1 minute"), 60'000'000);
  EXPECT_EQ(*ParseDuration("2 Minutes"), 120'000'000);
  EXPECT_EQ(*ParseDuration("1h30m"), 5'400'000'000);
  EXPECT_EQ(*ParseDuration("1 hour 30 minutes"), 5'400'000'000);
  EXPECT_EQ(*ParseDuration("0.5s"), 500'000);
  EXPECT_EQ(*ParseDuration("0s"), 0);
  EXPECT_EQ(*ParseDuration("2 days"), 172'800'000'000);
}

TEST(DurationTest, Refuses) {
  for (const char* bad : {"", "10", "s", "-1s", "1 month", "1s x", "1..5s", "999999999d"}) {
    const auto duration = ParseDuration(bad);
    EXPECT_EQ(duration.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(duration.status().message()), HasSubstr("500ms")) << bad;
  }
}

TEST(DurationTest, Prints) {
  EXPECT_EQ(FormatDuration(0), "0s");
  EXPECT_EQ(FormatDuration(350'000), "350ms");
  EXPECT_EQ(FormatDuration(12'500'000), "12.5s");
  EXPECT_EQ(FormatDuration(200'000'000), "3m 20s");
  EXPECT_EQ(FormatDuration(3'600'000'000), "1h");
  EXPECT_EQ(FormatDuration(187'200'000'000), "2d 4h");
  EXPECT_EQ(FormatDuration(-350'000), "-350ms");
}

}  // namespace
}  // namespace weir
