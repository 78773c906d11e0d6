#include "model/options.h"

#include <set>

#include "gtest/gtest.h"

namespace weir {
namespace {

std::string Check(std::span<const OptionSchema> options, std::string_view name,
                  std::string_view value) {
  const OptionSchema* option = FindOption(options, name);
  if (option == nullptr) return "no such option";
  const absl::Status status = CheckOptionValue(*option, value);
  return std::string(status.message());
}

TEST(Options, DefaultsAreValuesAndNamesAreUnique) {
  for (auto options : {KafkaSourceOptions(), DeltaSinkOptions(), JobOptions()}) {
    std::set<std::string_view> names;
    for (const OptionSchema& option : options) {
      EXPECT_TRUE(names.insert(option.name).second) << option.name;
      EXPECT_FALSE(option.help.empty()) << option.name;
      EXPECT_FALSE(option.required && !option.default_value.empty()) << option.name;
      EXPECT_EQ(option.kind == OptionKind::kChoice, !option.allowed.empty()) << option.name;
      if (option.default_value.empty()) continue;
      EXPECT_TRUE(CheckOptionValue(option, option.default_value).ok()) << option.name;
    }
  }
}

TEST(Options, AcceptsValues) {
  EXPECT_EQ(Check(KafkaSourceOptions(), "watermark", "10 minutes"), "");
  EXPECT_EQ(Check(KafkaSourceOptions(), "watermark", "0 seconds"), "");
  EXPECT_EQ(Check(KafkaSourceOptions(), "sasl.password", "${env:WEIR_SECRET_PASSWORD}"), "");
  EXPECT_EQ(Check(KafkaSourceOptions(), "sasl.username", "${file:kafka-user}"), "");
  EXPECT_EQ(Check(DeltaSinkOptions(), "path", "s3://bucket/prefix"), "");
  EXPECT_EQ(Check(JobOptions(), "parallelism", "4096"), "");
}

TEST(Options, RefusesValues) {
  EXPECT_EQ(Check(KafkaSourceOptions(), "on_bad_row", "deadletter"),
            "'deadletter' isn't a value of on_bad_row: accepted are 'fail', 'skip', 'dead_letter'; "
            "did you mean 'dead_letter'?");
  EXPECT_EQ(Check(KafkaSourceOptions(), "idle_timeout", "0s"),
            "'0s' isn't a value of idle_timeout: the least is 1 microsecond");
  EXPECT_EQ(Check(JobOptions(), "parallelism", "4097"),
            "'4097' isn't a value of parallelism: accepted are whole numbers from 1 to 4096");
  EXPECT_EQ(Check(JobOptions(), "checkpoint_interval", "2 days"),
            "'2 days' isn't a value of checkpoint_interval: the most is 1 day");
  EXPECT_EQ(Check(DeltaSinkOptions(), "path", "http://x"),
            "'http://x' isn't a value of path: accepted are a directory, file:///directory and "
            "s3://bucket/directory");
}

// Whoever may submit a job may not read a worker's environment and files through it.
TEST(Options, RefusesSecretsInTheClearAndForeignReferences) {
  const char* kWanted =
      "sasl.password takes a reference to a secret, ${env:WEIR_SECRET_NAME} or ${file:NAME}: a "
      "script is kept in the job log, where anyone may read it";
  for (const char* value : {"hunter2", "${env:HOME}", "${file:../../etc/passwd}", "${file:}",
                            "${env:WEIR_SECRET_}", "x${file:a}", "${file:a}x", "${vault:a}"}) {
    EXPECT_EQ(Check(KafkaSourceOptions(), "sasl.password", value), kWanted) << value;
  }
  EXPECT_NE(Check(KafkaSourceOptions(), "topic", "${file:a}"), "");
}

std::string Nearest(std::string_view word, std::vector<std::string> candidates) {
  return NearestSpelling(word, candidates);
}

TEST(NearestSpelling, FindsSlipsOnly) {
  EXPECT_EQ(Nearest("watermrk", {"topic", "watermark", "format"}), "watermark");
  EXPECT_EQ(Nearest("WATERMAKR", {"topic", "watermark"}), "watermark");
  EXPECT_EQ(Nearest("conector", {"connector", "collector"}), "connector");
  EXPECT_EQ(Nearest("eventtime", {"event_time", "event_type"}), "event_time");
  EXPECT_EQ(Nearest("zzz", {"topic", "format"}), "");
  EXPECT_EQ(Nearest("a", {"b"}), "");
  EXPECT_EQ(Nearest("", {"b"}), "");
  EXPECT_EQ(Nearest("x", {}), "");
}

}  // namespace
}  // namespace weir
