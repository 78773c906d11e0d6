#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <sstream>

#include "cli/command_line.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

// A tree of its own, so that the rules are seen and not today's commands.
class CompletionTest : public ::testing::Test {
 protected:
  CompletionTest() {
    app_.fallthrough();
    app_.add_option("--coordinator", text_);
    app_.add_option("-o,--output", text_);
    CLI::App* job = app_.add_subcommand("job", "");
    CLI::App* get = job->add_subcommand("get", "");
    get->add_option("job", text_);
    CLI::App* submit = job->add_subcommand("submit", "");
    submit->add_option("file", text_);
    submit->add_flag("--wait", flag_);
    submit->add_option("--from", text_);
    app_.add_subcommand("join", "");
    app_.add_subcommand("hidden", "")->group("");
    CLI::App* context = app_.add_subcommand("context", "");
    context->add_subcommand("use", "")->add_option("name", text_);
    names_.jobs = [this] {
      ++asked_;
      return std::vector<std::string>{"activity", "orders"};
    };
    names_.contexts = [] { return std::vector<std::string>{"prod"}; };
  }
  std::vector<std::string> Words(const std::vector<std::string>& words) {
    return Complete(app_, words, names_);
  }
  CLI::App app_;
  CompletionNames names_;
  std::string text_;
  bool flag_ = false;
  int asked_ = 0;
};

TEST_F(CompletionTest, Commands) {
  EXPECT_THAT(Words({""}), ElementsAre("context", "job", "join"));
  EXPECT_THAT(Words({"jo"}), ElementsAre("job", "join"));
  EXPECT_THAT(Words({"job", ""}), ElementsAre("get", "submit"));
  EXPECT_THAT(Words({"job", "s"}), ElementsAre("submit"));
  EXPECT_THAT(Words({"x"}), IsEmpty());
  EXPECT_THAT(Words({}), ElementsAre("context", "job", "join"));
  EXPECT_EQ(asked_, 0) << "no cluster is asked for what the binary knows";
}

TEST_F(CompletionTest, OptionsOfTheCommandAndThoseAbove) {
  EXPECT_THAT(Words({"job", "submit", "--w"}), ElementsAre("--wait"));
  EXPECT_THAT(Words({"job", "submit", "--"}),
              IsSupersetOf({"--wait", "--from", "--coordinator", "--output"}));
  EXPECT_THAT(Words({"job", "get", "--"}), Not(Contains("--wait")));
}

TEST_F(CompletionTest, Values) {
  EXPECT_THAT(Words({"-o", ""}), ElementsAre("json", "table"));
  EXPECT_THAT(Words({"--output", "j"}), ElementsAre("json"));
  EXPECT_THAT(Words({"job", "submit", "a.sql", "--from", ""}), ElementsAre("activity", "orders"));
  EXPECT_THAT(Words({"--coordinator", ""}), IsEmpty());
}

TEST_F(CompletionTest, Positionals) {
  EXPECT_THAT(Words({"job", "get", "o"}), ElementsAre("orders"));
  EXPECT_THAT(Words({"job", "get", "-o", "json", ""}), ElementsAre("activity", "orders"))
      << "an option's value is no positional";
  EXPECT_THAT(Words({"job", "submit", "--wait", "x"}), ElementsAre(":files"));
  EXPECT_THAT(Words({"job", "submit", "a.sql", ""}), IsEmpty());
  EXPECT_THAT(Words({"context", "use", ""}), ElementsAre("prod"));
}

TEST_F(CompletionTest, WithoutNamesThereAreNone) {
  names_ = {};
  EXPECT_THAT(Words({"job", "get", ""}), IsEmpty());
}

class CompletionCommandTest : public ::testing::Test {
 protected:
  std::string Run(const std::vector<std::string>& arguments, int exit_code = 0) {
    setenv("WEIR_CONFIG", (directory_ / "weir.json").c_str(), 1);
    setenv("WEIR_COORDINATOR", "127.0.0.1:1", 1);
    std::istringstream in;
    std::ostringstream out, err;
    EXPECT_EQ(RunCommandLine(arguments, {&in, &out, &err}, nullptr), exit_code) << err.str();
    unsetenv("WEIR_COORDINATOR");
    return out.str();
  }
  TemporaryDirectory directory_;
};

TEST_F(CompletionCommandTest, TheRealTree) {
  EXPECT_EQ(Run({"complete-words", "--", "job", "app"}), "apply\n");
  EXPECT_EQ(Run({"complete-words", "--", "job", "get", ""}), "") << "nobody answers";
  EXPECT_EQ(Run({"complete-words", "--", "completion", ""}), "bash\nzsh\n");
  EXPECT_THAT(Run({"complete-words", "--", ""}), Not(::testing::HasSubstr("complete-words")));
  EXPECT_THAT(Run({"complete-words"}), ::testing::HasSubstr("job\n"));
  Run({"context", "set", "prod", "--coordinator", "127.0.0.1:7070"});
  EXPECT_EQ(Run({"complete-words", "--", "context", "use", "p"}), "prod\n");
  EXPECT_EQ(Run({"complete-words", "--", "--context", ""}), "prod\n");
}

TEST_F(CompletionCommandTest, Scripts) {
  EXPECT_THAT(Run({"completion", "bash"}), ::testing::HasSubstr("complete -F _weir weir"));
  EXPECT_THAT(Run({"completion", "zsh"}), ::testing::StartsWith("#compdef weir"));
  Run({"completion", "fish"}, 2);
  Run({"completion"}, 2);
}

}  // namespace
}  // namespace weir
