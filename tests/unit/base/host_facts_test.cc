#include "base/host_facts.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(HostFactsTest, KnowsThisMachine) {
  const HostFacts facts = ReadHostFacts("/", "");
  EXPECT_GT(facts.open_files_max, 0);
  EXPECT_GT(facts.disk_bytes, 0);
  EXPECT_LE(facts.disk_free_bytes, facts.disk_bytes);
  EXPECT_GT(facts.memory_limit_bytes, 0);
  EXPECT_EQ(facts.certificate_expires_s, 0);
}

TEST(HostFactsTest, WhatIsNotThereIsNotKnown) {
  const HostFacts facts = ReadHostFacts("/absent/directory", "/absent/file");
  EXPECT_EQ(facts.disk_bytes, 0);
  EXPECT_EQ(facts.disk_free_bytes, 0);
  EXPECT_EQ(facts.certificate_expires_s, 0);
}

}  // namespace
}  // namespace weir
