#include "cli/serving.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(ServingTest, ALoopbackPortAnswersToLoopbackNames) {
  for (const char* host :
       {"", "localhost", "localhost:7071", "127.0.0.1:7071", "127.0.0.1", "[::1]:80"}) {
    EXPECT_TRUE(CheckAskedForThisMachine(host).ok()) << host;
  }
}

TEST(ServingTest, ALoopbackPortAnswersToNoOtherName) {
  for (const char* host : {"evil.example", "evil.example:7071", "127.0.0.1.evil.example:7071",
                           "localhost.evil.example", "10.0.0.1:7071", ":", "::::"}) {
    EXPECT_EQ(CheckAskedForThisMachine(host).code(), absl::StatusCode::kPermissionDenied) << host;
  }
}

}  // namespace
}  // namespace weir
