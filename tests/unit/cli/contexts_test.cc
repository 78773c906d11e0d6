#include "cli/contexts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "cli/command_line.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ContextsTest : public ::testing::Test {
 protected:
  ContextsTest() {
    setenv("WEIR_CONFIG", file_.c_str(), 1);
    unsetenv("WEIR_COORDINATOR");
    unsetenv("WEIR_TOKEN");
  }
  void Write(const std::string& text, mode_t mode = 0600) { WriteTo(file_, text, mode); }
  static void WriteTo(const std::string& file, const std::string& text, mode_t mode) {
    std::ofstream(file) << text;
    chmod(file.c_str(), mode);
  }
  std::string Refused() {
    const auto contexts = ReadContexts(file_);
    EXPECT_TRUE(absl::IsInvalidArgument(contexts.status())) << contexts.status();
    EXPECT_THAT(std::string(contexts.status().message()), HasSubstr(file_));
    return std::string(contexts.status().message());
  }
  int Run(const std::vector<std::string>& arguments) {
    std::istringstream in;
    std::ostringstream out, err;
    const int exit_code = RunCommandLine(arguments, {&in, &out, &err}, nullptr);
    out_ = out.str();
    err_ = err.str();
    return exit_code;
  }

  TemporaryDirectory directory_;
  const std::string file_ = directory_ / "weir.json";
  std::string out_, err_;
};

TEST_F(ContextsTest, NoFileIsNoContext) {
  const auto contexts = ReadContexts(file_);
  ASSERT_TRUE(contexts.ok());
  EXPECT_THAT(contexts->all, IsEmpty());
  ClientFlags flags;
  EXPECT_EQ(ApplyContext(file_, &flags), absl::OkStatus());
  EXPECT_EQ(flags.coordinator, kDefaultCoordinator);
}

TEST_F(ContextsTest, WhatIsWrittenIsRead) {
  Contexts contexts;
  contexts.current = "prod";
  contexts.all["prod"] = {"h:1", "/c", "/k", "/a", "/t", false};
  contexts.all["lab"] = {"l:2", "", "", "", "", true};
  const std::string deep = directory_ / "new/weir.json";
  ASSERT_EQ(WriteContexts(contexts, deep), absl::OkStatus());
  const auto read = ReadContexts(deep);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->current, "prod");
  EXPECT_EQ(read->all, contexts.all);
  struct stat info;
  ASSERT_EQ(stat(deep.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(ContextsTest, RefusesFilesThatItDoesNotUnderstand) {
  for (const char* text :
       {"", "[]", "coordinator: x", R"({"curent": "a"})", R"({"current": 7})",
        R"({"contexts": []})", R"({"contexts": {"a": 7}})",
        R"({"contexts": {"a": {"coordinator": 7}}})", R"({"contexts": {"a": {"insecure": "yes"}}})",
        R"({"contexts": {"a": {"token": "secret"}}})"}) {
    Write(text);
    EXPECT_THAT(Refused(), ::testing::Not(HasSubstr("secret"))) << text;
  }
  Write(R"({"contexts": {"a": {"tokenfile": "x"}}})");
  EXPECT_THAT(Refused(), HasSubstr("accepted are coordinator, tls_cert"));
}

TEST_F(ContextsTest, RefusesAFileThatOthersMayWrite) {
  Write("{}", 0644);
  EXPECT_TRUE(ReadContexts(file_).ok()) << "it holds no secret";
  Write("{}", 0664);
  EXPECT_THAT(Refused(), HasSubstr("chmod 600"));
}

TEST_F(ContextsTest, FlagsWin) {
  Write(R"({"current": "a", "contexts": {
      "a": {"coordinator": "a:1", "tls_cert": "/c", "tls_key": "/absent", "tls_ca": "/ca"},
      "b": {"coordinator": "b:1"}}})");
  ClientFlags flags;
  ASSERT_EQ(ApplyContext(file_, &flags), absl::OkStatus());
  EXPECT_EQ(flags.coordinator, "a:1");
  EXPECT_EQ(flags.link.tls_ca, "/ca");
  flags = {};
  flags.context = "b";
  ASSERT_EQ(ApplyContext(file_, &flags), absl::OkStatus());
  EXPECT_EQ(flags.coordinator, "b:1");
  EXPECT_EQ(flags.link.tls_ca, "");
  flags = {};
  flags.given = {"--insecure"};
  flags.link.insecure = true;
  ASSERT_EQ(ApplyContext(file_, &flags), absl::OkStatus());
  EXPECT_EQ(flags.link.tls_cert, "") << "no half of the context's files";
  EXPECT_TRUE(flags.link.insecure);
}

TEST_F(ContextsTest, ATokenGoesToItsOwnClusterOnly) {
  const std::string token = directory_ / "token";
  WriteTo(token, "secret", 0600);
  Write(R"({"current": "a", "contexts": {"a": {"coordinator": "a:1", "token_file": ")" + token +
        R"("}}})");
  ClientFlags flags;
  ASSERT_EQ(ApplyContext(file_, &flags), absl::OkStatus());
  EXPECT_EQ(flags.token_file, token);
  flags = {};
  flags.coordinator = "elsewhere:1";
  flags.given = {"--coordinator"};
  ASSERT_EQ(ApplyContext(file_, &flags), absl::OkStatus());
  EXPECT_EQ(flags.token_file, "");
  EXPECT_EQ(flags.coordinator, "elsewhere:1");
  chmod(token.c_str(), 0640);
  flags = {};
  const absl::Status refused = ApplyContext(file_, &flags);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("chmod 600 " + token));
}

TEST_F(ContextsTest, RefusesContextsThatAreNotThere) {
  Write(R"({"current": "gone"})");
  ClientFlags flags;
  EXPECT_THAT(std::string(ApplyContext(file_, &flags).message()), HasSubstr("no context 'gone'"));
  EXPECT_EQ(Run({"job", "list"}), 2);
  EXPECT_THAT(err_, HasSubstr("weir context list"));
  EXPECT_EQ(Run({"job", "list", "--context", "other"}), 2);
  EXPECT_THAT(err_, HasSubstr("'other'"));
  EXPECT_EQ(Run({"context", "use", "other"}), 4);
  EXPECT_EQ(Run({"context", "remove", "other"}), 4);
}

TEST_F(ContextsTest, Commands) {
  EXPECT_EQ(Run({"context", "set", "lab", "--coordinator", "127.0.0.1:1"}), 0) << err_;
  EXPECT_EQ(Run({"context", "set", "prod", "--coordinator", "10.0.0.7:7070", "--insecure"}), 0);
  EXPECT_EQ(Run({"context", "list"}), 0);
  EXPECT_THAT(out_, HasSubstr("*        lab"));
  EXPECT_EQ(Run({"job", "list"}), 1);
  EXPECT_THAT(err_, HasSubstr("127.0.0.1:1")) << "the first is the current one";
  EXPECT_EQ(Run({"context", "use", "prod"}), 0);
  EXPECT_EQ(Run({"context", "list", "-o", "json"}), 0);
  EXPECT_THAT(out_, HasSubstr("\"insecure\": true"));
  EXPECT_EQ(Run({"context", "remove", "prod"}), 0);
  EXPECT_EQ(ReadContexts(file_)->current, "");
  EXPECT_EQ(ReadContexts(file_)->all.size(), 1u);
}

TEST_F(ContextsTest, SetRefusesWhatNoCommandCouldUse) {
  EXPECT_EQ(Run({"context", "set", "a b", "--coordinator", "h:1"}), 2);
  EXPECT_EQ(Run({"context", "set", "a", "--tls-cert", "/c"}), 2);
  EXPECT_EQ(Run({"context", "set"}), 2);
  EXPECT_TRUE(ReadContexts(file_)->all.empty());
  Write("nonsense");
  EXPECT_EQ(Run({"context", "set", "a", "--coordinator", "h:1"}), 1) << "nothing is overwritten";
}

}  // namespace
}  // namespace weir
