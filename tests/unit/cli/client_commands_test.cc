// The client commands as a script sees them: arguments in; stdout, stderr and exit code out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "tests/fakes/fake_cluster.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

v1::Job JobIn(v1::JobState state, const std::string& reason = "") {
  v1::Job job;
  job.set_name("activity");
  job.set_id("activity-0a1b2c3d");
  job.set_state(state);
  job.set_reason(reason);
  return job;
}

class ClientCommandsTest : public ::testing::Test {
 protected:
  ClientCommandsTest() {
    unsetenv("WEIR_COORDINATOR");
    setenv("WEIR_CONFIG", (directory_ / "weir.json").c_str(), 1);
  }

  // Runs `weir <arguments>` against the fake cluster, or as they are when they name one.
  int Run(std::vector<std::string> arguments, const std::string& input = "") {
    if (std::find(arguments.begin(), arguments.end(), "--coordinator") == arguments.end())
      arguments.insert(arguments.end(), {"--coordinator", cluster_.address()});
    return RunBare(arguments, input);
  }
  int RunBare(const std::vector<std::string>& arguments, const std::string& input = "") {
    std::istringstream in(input);
    std::ostringstream out, err;
    const int exit_code = RunCommandLine(arguments, {&in, &out, &err, terminal_}, add_serving_);
    out_ = out.str();
    err_ = err.str();
    return exit_code;
  }
  std::string Script(const std::string& name, const std::string& text = "SELECT 1;") {
    std::ofstream(directory_ / name) << text;
    return directory_ / name;
  }

  FakeCluster cluster_;
  TemporaryDirectory directory_;
  AddServing add_serving_;
  bool terminal_ = false;
  std::string out_, err_;
};

// --- the command line itself ---

TEST_F(ClientCommandsTest, RefusesUnknownCommandsAsUsage) {
  EXPECT_EQ(RunBare({"jbo", "list"}), kExitUsage);
  EXPECT_THAT(err_, AllOf(HasSubstr("unknown command 'jbo'"), HasSubstr("did you mean 'job'")));
  EXPECT_EQ(RunBare({"job", "frobnicate"}), kExitUsage);
  EXPECT_THAT(err_, AllOf(HasSubstr("frobnicate"), HasSubstr("submit"), HasSubstr("rescale"),
                          Not(HasSubstr("did you mean"))));
  EXPECT_EQ(out_, "");
}

TEST_F(ClientCommandsTest, RefusesWrongFlagsAsUsage) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{},
                                                    {"job"},
                                                    {"job", "submit"},
                                                    {"job", "get"},
                                                    {"job", "list", "-x"},
                                                    {"job", "list", "-o", "yaml"},
                                                    {"job", "rescale", "a"},
                                                    {"cluster"},
                                                    {"job", "rescale", "a", "--parallelism", "0"},
                                                    {"job", "get", "a", "b"},
                                                    {"job", "list", "--coordinator", "nowhere"},
                                                    {"job", "wait", "a", "--timeout", "10"}}) {
    EXPECT_EQ(RunBare(arguments), kExitUsage) << ::testing::PrintToString(arguments);
    EXPECT_THAT(err_, StartsWith("weir: "));
    EXPECT_EQ(out_, "");
  }
}

TEST_F(ClientCommandsTest, HelpAndVersionAreData) {
  EXPECT_EQ(RunBare({"job", "submit", "--help"}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("--var"));
  EXPECT_EQ(RunBare({"version"}), kExitOk);
  EXPECT_THAT(out_, StartsWith("weir "));
  EXPECT_EQ(RunBare({"version", "-o", "json"}), kExitOk);
  EXPECT_TRUE(json::parse(out_).contains("version"));
}

TEST_F(ClientCommandsTest, FindsTheCoordinatorInTheEnvironment) {
  setenv("WEIR_COORDINATOR", cluster_.address().c_str(), 1);
  cluster_.job = JobIn(v1::RUNNING);
  EXPECT_EQ(RunBare({"job", "get", "activity"}), kExitOk) << err_;
  EXPECT_EQ(RunBare({"job", "get", "activity", "--coordinator", "127.0.0.1:1"}), kExitFailure)
      << "the flag wins";
  unsetenv("WEIR_COORDINATOR");
}

TEST_F(ClientCommandsTest, SaysWhatToDoWithoutACoordinator) {
  EXPECT_EQ(RunBare({"--coordinator", "127.0.0.1:1", "job", "list"}), kExitFailure);
  EXPECT_EQ(std::count(err_.begin(), err_.end(), '\n'), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("cannot reach a coordinator at 127.0.0.1:1"),
                          HasSubstr("Connection refused"), HasSubstr("weir dev"),
                          HasSubstr("WEIR_COORDINATOR")));
}

TEST_F(ClientCommandsTest, AsksTheNextOfSeveralCoordinators) {
  cluster_.job = JobIn(v1::RUNNING);
  EXPECT_EQ(RunBare({"job", "get", "a", "--coordinator", "127.0.0.1:1," + cluster_.address()}),
            kExitOk)
      << err_;
}

TEST_F(ClientCommandsTest, ServersAndClientCommandsShareTheWorkerCommand) {
  std::string served_for;
  bool served = false;
  add_serving_ = [&](CLI::App& app, CLI::App& worker, int* exit_code) {
    app.add_subcommand("dev", "")->callback([exit_code] { *exit_code = 42; });
    worker.add_option("--coordinator", served_for, "");
    worker.callback([&worker, &served, exit_code] {
      if (!worker.get_subcommands().empty()) return;
      served = true;
      *exit_code = 43;
    });
  };
  EXPECT_EQ(RunBare({"dev"}), 42);
  EXPECT_EQ(RunBare({"worker", "--coordinator", "a:1,b:2"}), 43);
  EXPECT_EQ(served_for, "a:1,b:2");
  served = false;
  EXPECT_EQ(RunBare({"worker", "list", "--coordinator", cluster_.address()}), kExitOk) << err_;
  EXPECT_FALSE(served);
  EXPECT_THAT(out_, HasSubstr("10.0.0.1:7080"));
}

// --- errors of the API ---

TEST_F(ClientCommandsTest, ExitCodesTellKindsOfFailure) {
  const std::pair<grpc::StatusCode, int> kinds[] = {
      {grpc::StatusCode::INVALID_ARGUMENT, kExitFailure},
      {grpc::StatusCode::INTERNAL, kExitFailure},
      {grpc::StatusCode::UNAVAILABLE, kExitFailure},
      {grpc::StatusCode::UNAUTHENTICATED, kExitAuth},
      {grpc::StatusCode::PERMISSION_DENIED, kExitAuth},
      {grpc::StatusCode::NOT_FOUND, kExitNotFound},
      {grpc::StatusCode::ALREADY_EXISTS, kExitConflict},
      {grpc::StatusCode::FAILED_PRECONDITION, kExitConflict},
      {grpc::StatusCode::ABORTED, kExitConflict},
      {grpc::StatusCode::DEADLINE_EXCEEDED, kExitTimeout},
  };
  for (const auto& [code, exit_code] : kinds) {
    cluster_.error = ApiError(code, "what went wrong", "REASON");
    EXPECT_EQ(Run({"job", "get", "activity"}), exit_code) << code;
    EXPECT_EQ(err_, "weir: what went wrong\n");
    EXPECT_EQ(out_, "");
  }
}

TEST_F(ClientCommandsTest, UnreachableBrokersAreNoConflict) {
  cluster_.error =
      ApiError(grpc::StatusCode::FAILED_PRECONDITION, "no answer", "BROKERS_UNREACHABLE");
  EXPECT_EQ(Run({"job", "submit", Script("a.sql")}), kExitFailure);
  cluster_.error = ApiError(grpc::StatusCode::FAILED_PRECONDITION, "has ended", "JOB_ENDED");
  EXPECT_EQ(Run({"job", "stop", "activity"}), kExitConflict);
}

TEST_F(ClientCommandsTest, AnUnavailableClusterIsNotAnUnreachableOne) {
  cluster_.error = ApiError(grpc::StatusCode::UNAVAILABLE, "no worker has free slots", "NO_SLOTS");
  EXPECT_EQ(Run({"job", "get", "activity"}), kExitFailure);
  EXPECT_EQ(err_, "weir: no worker has free slots\n");
}

TEST_F(ClientCommandsTest, PrintsThePlacesOfABadScript) {
  cluster_.error =
      ApiError(grpc::StatusCode::INVALID_ARGUMENT, "the script has an error", "INVALID_SCRIPT",
               "3:14", "unknown column 'amonut', did you mean amount");
  EXPECT_EQ(Run({"job", "submit", Script("a.sql")}), kExitFailure);
  EXPECT_THAT(err_, AllOf(HasSubstr("the script has an error"), HasSubstr("3:14: unknown column")));
  cluster_.error = ApiError(grpc::StatusCode::INVALID_ARGUMENT, "3:14: no such column",
                            "INVALID_SCRIPT", "3:14", "no such column");
  EXPECT_EQ(Run({"job", "submit", Script("a.sql")}), kExitFailure);
  EXPECT_EQ(err_, "weir: 3:14: no such column\n") << "said once";
}

// --- submit ---

TEST_F(ClientCommandsTest, SubmitSendsTheScript) {
  cluster_.job = JobIn(v1::CREATED);
  cluster_.job.add_warnings("the table is not partitioned");
  EXPECT_EQ(Run({"job", "submit", Script("user-activity.sql", "INSERT ..."), "--var", "topic=a=b",
                 "--var", "empty=", "--append"}),
            kExitOk)
      << err_;
  EXPECT_EQ(out_, "activity-0a1b2c3d\n");
  EXPECT_THAT(err_, AllOf(HasSubstr("warning: the table is not partitioned\n"),
                          HasSubstr("weir job watch activity")));
  ASSERT_EQ(cluster_.submitted.size(), 1u);
  const v1::SubmitRequest& request = cluster_.submitted[0];
  EXPECT_EQ(request.script(), "INSERT ...");
  EXPECT_EQ(request.name(), "user-activity");
  EXPECT_THAT(request.variables(), UnorderedElementsAre(Pair("topic", "a=b"), Pair("empty", "")));
  EXPECT_TRUE(request.append());
  EXPECT_FALSE(request.validate_only());
  EXPECT_EQ(request.request_id().size(), 36u);
}

TEST_F(ClientCommandsTest, EverySubmitHasAnIdOfItsOwn) {
  cluster_.job = JobIn(v1::CREATED);
  const std::string script = Script("a.sql");
  Run({"job", "submit", script, "--name", "named"});
  Run({"job", "submit", script});
  ASSERT_EQ(cluster_.submitted.size(), 2u);
  EXPECT_EQ(cluster_.submitted[0].name(), "named");
  EXPECT_EQ(cluster_.submitted[1].name(), "a");
  EXPECT_NE(cluster_.submitted[0].request_id(), cluster_.submitted[1].request_id());
}

TEST_F(ClientCommandsTest, SubmitReadsStandardInput) {
  cluster_.job = JobIn(v1::CREATED);
  EXPECT_EQ(Run({"job", "submit", "-"}, "SELECT"), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("--name"));
  EXPECT_EQ(Run({"job", "submit", "-", "--name", "n"}, "SELECT"), kExitOk) << err_;
  EXPECT_EQ(cluster_.submitted.at(0).script(), "SELECT");
}

TEST_F(ClientCommandsTest, SubmitRefusesWhatItCannotRead) {
  EXPECT_EQ(Run({"job", "submit", directory_ / "missing.sql"}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("missing.sql"));
  const std::string script = Script("a.sql");
  for (const char* pair : {"novalue", "=x"}) {
    EXPECT_EQ(Run({"job", "submit", script, "--var", pair}), kExitUsage);
    EXPECT_THAT(err_, HasSubstr("NAME=VALUE"));
  }
  EXPECT_EQ(Run({"job", "submit", script, "--var", "a=1", "--var", "a=2"}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("twice"));
  EXPECT_THAT(cluster_.submitted, IsEmpty());
}

TEST_F(ClientCommandsTest, SubmitAndWaitReportsTheEnd) {
  cluster_.job = JobIn(v1::CREATED);
  cluster_.updates = {JobIn(v1::RUNNING), JobIn(v1::FAILED, "bad row at offset 7")};
  EXPECT_EQ(Run({"job", "submit", Script("a.sql"), "--wait"}), kExitJobEnded);
  EXPECT_THAT(err_, HasSubstr("FAILED: bad row at offset 7"));
  EXPECT_THAT(cluster_.watched, ElementsAre("activity-0a1b2c3d"));

  cluster_.updates = {JobIn(v1::FINISHED)};
  EXPECT_EQ(Run({"job", "submit", Script("a.sql"), "--wait", "-o", "json"}), kExitOk);
  EXPECT_EQ(json::parse(out_)["state"], "FINISHED") << "one document";
}

TEST_F(ClientCommandsTest, ValidateSubmitsNothing) {
  EXPECT_EQ(Run({"job", "submit", Script("a.sql"), "--validate"}), kExitOk);
  EXPECT_EQ(out_, "");
  EXPECT_TRUE(cluster_.submitted.at(0).validate_only());
}

// --- wait and watch ---

TEST_F(ClientCommandsTest, WaitReturnsAtAnyFinalState) {
  const std::pair<v1::JobState, int> ends[] = {{v1::FINISHED, kExitOk},
                                               {v1::STOPPED, kExitOk},
                                               {v1::FAILED, kExitJobEnded},
                                               {v1::CANCELLED, kExitJobEnded}};
  for (const auto& [state, exit_code] : ends) {
    cluster_.updates = {JobIn(v1::RUNNING), JobIn(v1::STOPPING), JobIn(state)};
    EXPECT_EQ(Run({"job", "wait", "activity"}), exit_code) << state;
  }
}

TEST_F(ClientCommandsTest, WaitGivesUpInTime) {
  cluster_.updates = {JobIn(v1::RUNNING)};
  cluster_.after_updates = [](grpc::ServerContext* context) {
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  };
  EXPECT_EQ(Run({"job", "wait", "activity", "--timeout", "300ms"}), kExitTimeout);
  EXPECT_THAT(err_, AllOf(HasSubstr("RUNNING"), HasSubstr("it goes on")));
}

TEST_F(ClientCommandsTest, AStandbySendsToTheLeader) {
  FakeCluster leader;
  leader.job = JobIn(v1::STOPPED);
  cluster_.error = NotLeader(leader.address());
  EXPECT_EQ(Run({"job", "stop", "activity"}), kExitOk) << err_;
  EXPECT_THAT(leader.stopped, ElementsAre("activity"));
  EXPECT_THAT(cluster_.stopped, ElementsAre("activity")) << "asked once";
}

TEST_F(ClientCommandsTest, TheLeaderIsFoundAmongSeveral) {
  FakeCluster leader;
  leader.job = JobIn(v1::STOPPED);
  leader.updates = {JobIn(v1::RUNNING), JobIn(v1::STOPPED)};
  cluster_.error = NotLeader("");
  const std::string all = "127.0.0.1:1," + cluster_.address() + "," + leader.address();
  EXPECT_EQ(Run({"job", "wait", "activity", "--coordinator", all}), kExitOk) << err_;
}

TEST_F(ClientCommandsTest, AskedAgainUntilSomebodyLeads) {
  cluster_.error = NotLeader("");
  cluster_.job = JobIn(v1::STOPPED);
  cluster_.heal_after = 3;
  EXPECT_EQ(Run({"job", "stop", "activity"}), kExitOk) << err_;
  EXPECT_EQ(cluster_.stopped.size(), 4u);
}

TEST_F(ClientCommandsTest, WithoutALeaderTheTimeGivenIsKept) {
  cluster_.error = NotLeader("");
  EXPECT_NE(Run({"job", "stop", "activity", "--timeout", "1s"}), kExitOk);
  EXPECT_THAT(err_, HasSubstr("stands by"));
}

TEST_F(ClientCommandsTest, WaitOutlivesABrokenStream) {
  cluster_.updates = {JobIn(v1::RUNNING)};
  cluster_.after_updates = [&](grpc::ServerContext*) {
    if (cluster_.watched.size() > 1) cluster_.updates = {JobIn(v1::FINISHED)};
    return cluster_.watched.size() > 1
               ? grpc::Status::OK
               : grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed");
  };
  EXPECT_EQ(Run({"job", "wait", "activity"}), kExitOk) << err_;
  EXPECT_GE(cluster_.watched.size(), 2u);
  EXPECT_EQ(cluster_.watched.front(), "activity");
}

TEST_F(ClientCommandsTest, WaitFailsAtOnceWithoutTheJob) {
  cluster_.error = ApiError(grpc::StatusCode::NOT_FOUND, "no job 'activity'", "JOB_NOT_FOUND");
  EXPECT_EQ(Run({"job", "wait", "activity"}), kExitNotFound);
  EXPECT_EQ(cluster_.watched.size(), 1u);
}

TEST_F(ClientCommandsTest, WatchPrintsALineAnUpdate) {
  v1::Job running = JobIn(v1::RUNNING);
  running.set_lag_records(12);
  running.set_epoch(7);
  running.set_late_rows(3);
  running.set_bad_rows(2);
  running.mutable_live_watermark()->set_seconds(1'700'000'000);
  running.add_sinks()->set_table_version(41);
  cluster_.updates = {running, JobIn(v1::STOPPED)};
  EXPECT_EQ(Run({"job", "watch", "activity"}), kExitOk);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 2);
  EXPECT_THAT(out_, HasSubstr("activity RUNNING  rows/s -  lag 12  watermark 2023-11-14T22:13:20Z  "
                              "epoch 7  version 41  late 3  bad 2\n"));
  EXPECT_THAT(out_, HasSubstr("activity STOPPED"));
  EXPECT_THAT(out_, Not(HasSubstr("\r")));

  terminal_ = true;
  EXPECT_EQ(Run({"job", "watch", "activity"}), kExitOk);
  EXPECT_THAT(out_, StartsWith("\r\033[Kactivity RUNNING")) << "rewrites its line";
}

TEST_F(ClientCommandsTest, WatchAsJsonIsOneDocumentALine) {
  cluster_.updates = {JobIn(v1::RUNNING), JobIn(v1::FAILED)};
  EXPECT_EQ(Run({"job", "watch", "activity", "-o", "json"}), kExitJobEnded);
  std::istringstream lines(out_);
  std::vector<std::string> states;
  for (std::string line; std::getline(lines, line);)
    states.push_back(json::parse(line)["state"].get<std::string>());
  EXPECT_THAT(states, ElementsAre("RUNNING", "FAILED"));
}

// --- the others ---

TEST_F(ClientCommandsTest, ListReadsAllPages) {
  cluster_.pages.resize(3);
  for (auto& page : cluster_.pages) *page.add_jobs() = JobIn(v1::RUNNING);
  EXPECT_EQ(Run({"job", "list", "-o", "json", "--live"}), kExitOk);
  const json listed = json::parse(out_);
  EXPECT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed["jobs"].size(), 3u);
  EXPECT_TRUE(cluster_.listed.at(0).live_only());
  EXPECT_EQ(Run({"job", "list"}), kExitOk);
  EXPECT_THAT(out_, AllOf(StartsWith("NAME"), HasSubstr("activity-0a1b2c3d")));
}

TEST_F(ClientCommandsTest, ListOfNothingIsAnEmptyList) {
  EXPECT_EQ(Run({"job", "list", "-o", "json"}), kExitOk);
  EXPECT_EQ(json::parse(out_), json::parse(R"({"jobs": []})"));
}

TEST_F(ClientCommandsTest, GetPrintsNumbersAsNumbers) {
  cluster_.job = JobIn(v1::RUNNING);
  cluster_.job.set_records_in(int64_t{1} << 60);
  cluster_.job.mutable_watermark()->set_seconds(1'700'000'000);
  cluster_.job.mutable_watermark()->set_nanos(500'000'000);
  v1::Insert* insert = cluster_.job.add_inserts();
  insert->set_name("activity");
  (*insert->mutable_bad_by_reason())["syntax"] = 2;
  EXPECT_EQ(Run({"job", "get", "activity", "-o", "json"}), kExitOk);
  const json job = json::parse(out_);
  EXPECT_EQ(job["name"], "activity");
  EXPECT_EQ(job["state"], "RUNNING");
  EXPECT_EQ(job["records_in"], int64_t{1} << 60);
  EXPECT_TRUE(job["records_in"].is_number_integer());
  EXPECT_EQ(job["bad_rows"], 0) << "zeros are printed";
  EXPECT_EQ(job["watermark"], "2023-11-14T22:13:20.5Z");
  EXPECT_TRUE(job["last_checkpoint_at"].is_null());
  EXPECT_EQ(job["sinks"], json::array());
  EXPECT_EQ(job["inserts"][0]["bad_by_reason"], json({{"syntax", 2}}));
  EXPECT_LT(out_.find("\"name\""), out_.find("\"id\"")) << "in the API's order";
  EXPECT_EQ(Run({"job", "get", "activity"}), kExitOk);
  EXPECT_THAT(out_, AllOf(HasSubstr("state        RUNNING"), HasSubstr("syntax=2")));
}

TEST_F(ClientCommandsTest, ExplainTakesAFileOrAJob) {
  cluster_.explanation = "vertex 0\n";
  EXPECT_EQ(Run({"job", "explain", Script("a.sql", "INSERT"), "--var", "a=1"}), kExitOk);
  EXPECT_EQ(out_, "vertex 0\n");
  EXPECT_EQ(Run({"job", "explain", "activity"}), kExitOk);
  EXPECT_EQ(Run({"job", "explain", directory_ / "missing.sql"}), kExitUsage);
  ASSERT_EQ(cluster_.explained.size(), 2u);
  EXPECT_EQ(cluster_.explained[0].script(), "INSERT");
  EXPECT_EQ(cluster_.explained[0].variables().at("a"), "1");
  EXPECT_EQ(cluster_.explained[1].job(), "activity");
}

TEST_F(ClientCommandsTest, StopAndCancelName) {
  cluster_.job = JobIn(v1::STOPPING);
  EXPECT_EQ(Run({"job", "stop", "activity"}), kExitOk);
  cluster_.updates = {JobIn(v1::STOPPED)};
  EXPECT_EQ(Run({"job", "stop", "activity", "--wait"}), kExitOk);
  EXPECT_THAT(err_, HasSubstr("STOPPED"));
  cluster_.updates = {JobIn(v1::FAILED, "disk full")};
  EXPECT_EQ(Run({"job", "stop", "activity", "--wait"}), kExitJobEnded);
  cluster_.job = JobIn(v1::CANCELLED);
  EXPECT_EQ(Run({"job", "cancel", "activity", "-o", "json"}), kExitOk) << "cancelled as asked";
  EXPECT_EQ(json::parse(out_)["state"], "CANCELLED");
  EXPECT_EQ(cluster_.stopped.size(), 3u);
  EXPECT_THAT(cluster_.cancelled, ElementsAre("activity"));
}

TEST_F(ClientCommandsTest, CheckpointsAndRescale) {
  cluster_.checkpoint.set_epoch(12);
  EXPECT_EQ(Run({"job", "checkpoint", "activity", "-o", "json"}), kExitOk);
  EXPECT_EQ(json::parse(out_)["epoch"], 12);
  *cluster_.checkpoints.add_checkpoints() = cluster_.checkpoint;
  EXPECT_EQ(Run({"job", "checkpoints", "activity", "-o", "json"}), kExitOk);
  EXPECT_EQ(json::parse(out_)["checkpoints"][0]["epoch"], 12);
  EXPECT_EQ(Run({"job", "rescale", "activity", "--parallelism", "6"}), kExitOk);
  EXPECT_EQ(cluster_.rescaled.at(0).parallelism(), 6);
}

TEST_F(ClientCommandsTest, SubmitGoesOnFromACheckpoint) {
  cluster_.job = JobIn(v1::CREATED);
  const std::string file = Script("a.sql", "INSERT");
  EXPECT_EQ(Run({"job", "submit", file, "--from", "old@12", "--restore-tables"}), kExitOk);
  EXPECT_EQ(Run({"job", "submit", file, "--from", "old-0123abcd"}), kExitOk);
  ASSERT_EQ(cluster_.submitted.size(), 2u);
  EXPECT_EQ(cluster_.submitted[0].from_job(), "old");
  EXPECT_EQ(cluster_.submitted[0].from_epoch(), 12);
  EXPECT_TRUE(cluster_.submitted[0].restore_tables());
  EXPECT_EQ(cluster_.submitted[1].from_job(), "old-0123abcd");
  EXPECT_EQ(cluster_.submitted[1].from_epoch(), 0);
  EXPECT_FALSE(cluster_.submitted[1].restore_tables());
  for (const char* from : {"old@", "old@0", "old@-1", "old@x", "@12"}) {
    EXPECT_EQ(Run({"job", "submit", file, "--from", from}), kExitUsage) << from;
  }
  EXPECT_EQ(Run({"job", "submit", file, "--restore-tables"}), kExitUsage);
  EXPECT_EQ(cluster_.submitted.size(), 2u);
}

TEST_F(ClientCommandsTest, SavepointsAreTakenListedAndDropped) {
  cluster_.checkpoint.set_epoch(12);
  EXPECT_EQ(Run({"job", "checkpoint", "activity"}), kExitOk);
  cluster_.checkpoint.set_savepoint(true);
  EXPECT_EQ(Run({"job", "checkpoint", "activity", "--savepoint", "-o", "json"}), kExitOk);
  EXPECT_EQ(json::parse(out_)["savepoint"], true);
  ASSERT_EQ(cluster_.triggered.size(), 2u);
  EXPECT_FALSE(cluster_.triggered[0].savepoint());
  EXPECT_TRUE(cluster_.triggered[1].savepoint());
  *cluster_.checkpoints.add_checkpoints() = cluster_.checkpoint;
  EXPECT_EQ(Run({"job", "checkpoint", "activity", "--list"}), kExitOk);
  EXPECT_THAT(out_, AllOf(HasSubstr("SAVEPOINT"), HasSubstr("12")));
  EXPECT_EQ(Run({"job", "checkpoint", "activity", "--drop", "12"}), kExitOk);
  ASSERT_EQ(cluster_.dropped.size(), 1u);
  EXPECT_EQ(cluster_.dropped[0].epoch(), 12);
  EXPECT_EQ(cluster_.triggered.size(), 2u) << "neither took one";
  EXPECT_EQ(Run({"job", "checkpoint", "activity", "--drop", "0"}), kExitUsage);
  EXPECT_EQ(Run({"job", "checkpoint", "activity", "--drop", "12", "--savepoint"}), kExitUsage);
  EXPECT_EQ(Run({"job", "checkpoint", "activity", "--list", "--savepoint"}), kExitUsage);
}

TEST_F(ClientCommandsTest, DrainsAWorker) {
  EXPECT_EQ(Run({"worker", "drain", "10.0.0.1:7080", "-o", "json"}), kExitOk) << err_;
  EXPECT_EQ(json::parse(out_)["state"], "DRAINED");
  EXPECT_THAT(err_, HasSubstr("may end"));
  EXPECT_EQ(Run({"worker", "drain", "10.0.0.9:1"}), kExitNotFound);
  EXPECT_EQ(Run({"worker", "drain"}), kExitUsage);
  EXPECT_EQ(Run({"worker", "drain", "10.0.0.1:7080", "--timeout", "soon"}), kExitUsage);
}

TEST_F(ClientCommandsTest, ShowsTheCluster) {
  EXPECT_EQ(Run({"cluster", "status", "-o", "json"}), kExitOk);
  EXPECT_EQ(json::parse(out_)["slots"], 8);
  EXPECT_EQ(Run({"worker", "list", "-o", "json"}), kExitOk) << err_;
  EXPECT_EQ(json::parse(out_)["workers"][0]["memory_bytes"], int64_t{2} << 30);
  EXPECT_EQ(json::parse(out_)["workers"][0]["state"], "DRAINING");
  EXPECT_EQ(Run({"worker", "list"}), kExitOk) << err_;
  EXPECT_THAT(out_, HasSubstr("DRAINING"));
  EXPECT_EQ(Run({"cluster", "status"}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("8, 0 used"));
}

// --- apply and diff ---

TEST_F(ClientCommandsTest, ApplyLeavesWhatStandsAlone) {
  cluster_.job = JobIn(v1::RUNNING);
  cluster_.job.set_script("SELECT 1; -- one");
  EXPECT_EQ(Run({"job", "apply", "-f", Script("activity.sql", "SELECT  1;\n")}), kExitOk) << err_;
  EXPECT_EQ(out_, "activity-0a1b2c3d\n");
  EXPECT_THAT(err_, HasSubstr("unchanged; activity-0a1b2c3d is RUNNING"));
  EXPECT_THAT(cluster_.submitted, IsEmpty());
  EXPECT_THAT(cluster_.stopped, IsEmpty());
  EXPECT_EQ(Run({"job", "apply", "-f", Script("activity.sql"), "-o", "json"}), kExitOk) << err_;
  EXPECT_EQ(json::parse(out_)["action"], "unchanged");
  EXPECT_EQ(json::parse(out_)["job"]["id"], "activity-0a1b2c3d");
}

TEST_F(ClientCommandsTest, DiffShowsAndMakesNothing) {
  cluster_.job = JobIn(v1::RUNNING);
  cluster_.job.set_script("SET parallelism = 1;\nSELECT 1;");
  cluster_.job.set_epoch(7);
  v1::CarriedState* carried = cluster_.job.add_carried();
  carried->set_kind("windows");
  carried->set_name("activity");
  carried->set_fate("kept");
  carried->set_bytes(2048);
  const std::string file = Script("activity.sql", "SET parallelism = ${N};\nSELECT 1;");
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"job", "diff"}, {"job", "apply", "--dry-run"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"-f", file, "--var", "N=2", "--drop-state", "activity"});
    EXPECT_EQ(Run(arguments), kExitOk) << err_;
    EXPECT_THAT(out_, AllOf(HasSubstr("stop activity-0a1b2c3d behind a last checkpoint"),
                            HasSubstr("\n-SET parallelism = 1;\n+SET parallelism = 2;\n"),
                            HasSubstr("  kept     windows of activity, 2.0 KiB\n")));
    const v1::SubmitRequest& check = cluster_.submitted.back();
    EXPECT_TRUE(check.validate_only());
    EXPECT_EQ(check.replaces(), "activity-0a1b2c3d");
    EXPECT_EQ(check.from_job(), "activity-0a1b2c3d");
    EXPECT_THAT(check.drop_states(), ElementsAre("activity"));
  }
  EXPECT_THAT(cluster_.stopped, IsEmpty());
}

TEST_F(ClientCommandsTest, ApplyGoesOnFromAJobThatEnded) {
  cluster_.job = JobIn(v1::STOPPED);
  cluster_.job.set_script("SELECT 1;");
  cluster_.job.set_epoch(7);
  EXPECT_EQ(Run({"job", "apply", "-f", Script("activity.sql")}), kExitOk) << err_;
  ASSERT_EQ(cluster_.submitted.size(), 2u);
  EXPECT_TRUE(cluster_.submitted[0].validate_only());
  EXPECT_EQ(cluster_.submitted[0].replaces(), "") << "nothing has to be stopped";
  EXPECT_FALSE(cluster_.submitted[1].validate_only());
  EXPECT_EQ(cluster_.submitted[1].from_job(), "activity-0a1b2c3d");
  EXPECT_THAT(cluster_.submitted[1].request_id(), StartsWith("apply-"));
  EXPECT_THAT(cluster_.stopped, IsEmpty());
  const std::string id = cluster_.submitted[1].request_id();
  EXPECT_EQ(Run({"job", "apply", "-f", Script("activity.sql")}), kExitOk) << err_;
  EXPECT_EQ(cluster_.submitted.back().request_id(), id) << "once more is the same step";
}

TEST_F(ClientCommandsTest, ApplyRefusesBadInputBeforeItAsks) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"job", "apply"},
        {"job", "apply", "-f", directory_ / "absent.sql"},
        {"job", "apply", "-f", "-"},
        {"job", "apply", "-f", Script("a.sql"), "--var", "x"},
        {"job", "diff", "-f", Script("a.sql"), "--timeout", "5s"},
        {"job", "submit", Script("a.sql"), "--drop-state", "x"}}) {
    EXPECT_EQ(Run(arguments), kExitUsage) << ::testing::PrintToString(arguments);
  }
  EXPECT_EQ(Run({"job", "apply", "-f", Script("a.sql", "SELECT ${X};")}), kExitFailure);
  EXPECT_THAT(err_, AllOf(HasSubstr("line 1, column 8"), HasSubstr("X")));
  EXPECT_THAT(cluster_.submitted, IsEmpty());
}

}  // namespace
}  // namespace weir
