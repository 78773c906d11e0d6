#include "base/failpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "base/clock.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

class FailpointTest : public ::testing::Test {
 protected:
  ~FailpointTest() override { ArmFailpoints("").IgnoreError(); }
};

TEST_F(FailpointTest, DoesNothingUnarmed) {
  ASSERT_TRUE(ArmFailpoints("").ok());
  EXPECT_FALSE(failpoints_armed);
  EXPECT_TRUE(Failpoint("a").ok());
}

TEST_F(FailpointTest, FailsEveryPassOrOne) {
  ASSERT_TRUE(ArmFailpoints("a=error; b=error@2 ;").ok());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Failpoint("a"), absl::UnavailableError("failpoint a"));
    EXPECT_EQ(Failpoint("b").ok(), i != 1);
    EXPECT_TRUE(Failpoint("c").ok());
  }
}

TEST_F(FailpointTest, Delays) {
  ASSERT_TRUE(ArmFailpoints("a=delay:30").ok());
  const int64_t before = SystemClock()->MonotonicMicros();
  EXPECT_TRUE(Failpoint("a").ok());
  EXPECT_GE(SystemClock()->MonotonicMicros() - before, 30'000);
}

TEST_F(FailpointTest, CrashesLikeAKill) {
  EXPECT_EXIT(
      {
        ArmFailpoints("a=crash@2").IgnoreError();
        Failpoint("a").IgnoreError();
        Failpoint("a").IgnoreError();
      },
      ::testing::KilledBySignal(SIGKILL), "");
}

TEST_F(FailpointTest, RefusesWhatItCannotRead) {
  ASSERT_TRUE(ArmFailpoints("kept=error").ok());
  for (const char* bad : {"a", "=error", "a=explode", "a=delay", "a=delay:x", "a=delay:-1",
                          "a=error@0", "a=error@x", "ok=error;a=crash@"}) {
    const absl::Status status = ArmFailpoints(bad);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(status.message()), HasSubstr("crash, hang, delay:<ms>, error")) << bad;
  }
  EXPECT_FALSE(Failpoint("kept").ok()) << "a refused spec changes nothing";
}

}  // namespace
}  // namespace weir
