#include "lake/table_roots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/blob_store.h"
#include "lake/table_store.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using testing::HasSubstr;

TableRoots Roots(const std::vector<std::string>& roots,
                 const std::vector<std::string>& reserved = {}) {
  const absl::StatusOr<TableRoots> made = TableRoots::Make(roots, reserved, "/base");
  EXPECT_TRUE(made.ok()) << made.status();
  return made.value_or(TableRoots());
}

TEST(TableRootsTest, WithoutRootsTablesLieAnywhereButAtTheKernels) {
  for (const char* path : {"/", "/t", "/srv/lake/t", "s3://bucket/t", "/process", "/devices/t"})
    EXPECT_TRUE(TableRoots().Check(path).ok()) << path;
  for (const char* path :
       {"/proc", "/proc/sys/table", "/proc/self/fd/0", "/sys/kernel/t", "/dev/shm"}) {
    const absl::Status status = TableRoots().Check(path);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << path << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  }
}

TEST(TableRootsTest, WithRootsTheyLieBelowOne) {
  const TableRoots roots = Roots({"/lake", "warm/", "s3://bucket/a/", "s3://whole", "file:///f"});
  for (const char* path : {"/lake", "/lake/t", "/base/warm/t", "s3://bucket/a", "s3://bucket/a/t",
                           "s3://whole/t", "/f/t"})
    EXPECT_TRUE(roots.Check(path).ok()) << path << roots.Check(path);
  for (const char* path : {"/", "/lakes", "/lake2/t", "/warm/t", "s3://bucket/ab", "s3://bucket/b",
                           "s3://whole2/t", "/etc/t"}) {
    const absl::Status status = roots.Check(path);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << path << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("/lake, /base/warm, s3://bucket/a"));
  }
}

TEST(TableRootsTest, ARootThatIsNoPathIsRefused) {
  for (const char* root : {"", "gs://bucket", "/a/../b", "s3://", "s3://NO", "s3://me:pw@b/x"}) {
    const absl::Status status = TableRoots::Make({"/fine", root}, {}, "/base").status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << root << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--table-root"));
  }
}

TEST(TableRootsTest, NoTableLiesInOrHoldsWhatIsReserved) {
  const TableRoots roots =
      Roots({}, {"/data/weir", "s3://bucket/cluster", "s3://own", "s3://bucket/my data"});
  for (const char* path : {"/data/weir", "/data/weir/jobs", "/data", "/", "s3://bucket/cluster",
                           "s3://bucket/cluster/t", "s3://own/t"}) {
    const absl::Status status = roots.Check(path);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << path << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("of this process itself"));
  }
  for (const char* path : {"/data/weird", "/data/lake", "s3://bucket/clusters", "s3://bucket/t"})
    EXPECT_TRUE(roots.Check(path).ok()) << path;
}

class LinksTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(lake_ + "/t");
    std::filesystem::create_directories(outside_ + "/private");
  }
  void Link(const std::string& to, const std::string& at) {
    std::filesystem::create_symlink(to, at);
  }

  TemporaryDirectory directory_;
  const std::string lake_ = directory_ / "lake";
  const std::string outside_ = directory_ / "outside";
};

TEST_F(LinksTest, ALinkCountsForWhereItLeads) {
  const TableRoots roots = Roots({lake_});
  Link(outside_, lake_ + "/out");
  Link("../outside/private", lake_ + "/relative");
  Link("t", lake_ + "/alias");
  for (const char* path : {"/out", "/out/private", "/out/not/yet", "/relative", "/relative/t"}) {
    const absl::Status status = roots.Check(lake_ + path);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << path << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("leads to"));
    EXPECT_FALSE(OpenTableStore(lake_ + path, roots).ok());
    EXPECT_FALSE(PlaceDataFiles(lake_ + path, "/tmp", roots).ok());
    EXPECT_FALSE(CheckTablePathWritable(lake_ + path, roots).ok());
  }
  EXPECT_TRUE(roots.Check(lake_ + "/alias").ok());
  EXPECT_TRUE(roots.Check(lake_ + "/alias/not/yet").ok());
}

TEST_F(LinksTest, ARootMayBeALinkItself) {
  Link(lake_, directory_ / "link");
  const TableRoots roots = Roots({directory_ / "link"});
  EXPECT_TRUE(roots.Check((directory_ / "link") + "/t").ok());
  EXPECT_TRUE(roots.Check(lake_ + "/t").ok());
  EXPECT_FALSE(roots.Check(outside_).ok());
}

TEST_F(LinksTest, ALinkThatLeadsNowhereOrRoundIsRefused) {
  Link(outside_ + "/later", lake_ + "/dangling");
  Link(lake_ + "/round", lake_ + "/round");
  for (const char* path : {"/dangling", "/dangling/t", "/round", "/round/t"})
    EXPECT_FALSE(Roots({lake_}).Check(lake_ + path).ok()) << path;
}

TEST_F(LinksTest, SwappedLinksAreSeenAtTheNextOpening) {
  const TableRoots roots = Roots({lake_});
  ASSERT_TRUE(OpenTableStore(lake_ + "/t", roots).ok());
  std::filesystem::remove_all(lake_ + "/t");
  Link(outside_, lake_ + "/t");
  EXPECT_FALSE(OpenTableStore(lake_ + "/t", roots).ok());
}

TEST_F(LinksTest, WhatATableHoldsMayBeNoLinkOutEither) {
  for (const char* name : {"_delta_log", ".weir-tmp"}) {
    Link(outside_, lake_ + "/t/" + name);
    EXPECT_FALSE(Roots({lake_}).Check(lake_ + "/t").ok()) << name;
    std::filesystem::remove(lake_ + "/t/" + name);
  }
  EXPECT_TRUE(Roots({lake_}).Check(lake_ + "/t").ok());
}

TEST_F(LinksTest, ReservedPlacesAreFoundThroughLinks) {
  Link(outside_, lake_ + "/out");
  EXPECT_FALSE(Roots({}, {outside_ + "/private"}).Check(lake_ + "/out/private/t").ok());
  EXPECT_FALSE(Roots({}, {lake_ + "/out/private"}).Check(outside_ + "/private/t").ok());
  EXPECT_TRUE(Roots({}, {outside_ + "/private"}).Check(lake_ + "/out/other").ok());
}

}  // namespace
}  // namespace weir
