#include "model/data_file_name.h"

#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

const PlannedDataFile kFile{{Generation(7), {1, 3}, 2}, 41};

TEST(DataFileName, StaysTheSame) {
  const std::string name = DataFileName("activity-0a1b2c3d", kFile);
  EXPECT_EQ(name.substr(16), "-7-1-2-3-41.parquet");
  EXPECT_EQ(name, DataFileName("activity-0a1b2c3d", kFile));
  EXPECT_EQ(ParseDataFileName(name), kFile);
}

TEST(DataFileName, DiffersInEverything) {
  std::set<std::string> names;
  for (const char* job : {"a-1", "a-2"})
    for (int64_t g : {2, 22})
      for (int vertex : {0, 2})
        for (int op : {0, 2})
          for (int task : {0, 2})
            for (int64_t n : {0, 2, 22})
              names.insert(DataFileName(job, {{Generation(g), {vertex, task}, op}, n}));
  EXPECT_EQ(names.size(), 2u * 2 * 2 * 2 * 2 * 3);
}

TEST(DataFileName, RefusesOtherNames) {
  const std::string name = DataFileName("a-1", kFile);
  for (const std::string& other :
       {std::string(), std::string("part-00000-x.snappy.parquet"), name + "x", "x" + name,
        name.substr(1), name.substr(0, 17) + "+" + name.substr(17),
        name.substr(0, 17) + "0" + name.substr(17),
        std::string("3f2a9c1e-0000-4000-8000-000000000000.parquet")})
    EXPECT_FALSE(ParseDataFileName(other)) << other;
}

}  // namespace
}  // namespace weir
