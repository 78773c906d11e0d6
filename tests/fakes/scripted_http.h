// An HTTP client that answers what a test says, one entry a request.
#ifndef WEIR_TESTS_FAKES_SCRIPTED_HTTP_H_
#define WEIR_TESTS_FAKES_SCRIPTED_HTTP_H_

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/http_client.h"

namespace weir {

// For one thread at a time.
class ScriptedHttp : public HttpClient {
 public:
  struct Seen {
    std::string method;
    std::string url;
    HttpHeaders headers;
    std::string body;

    // "" when it was not sent.
    std::string Header(const std::string& name) const {
      for (const auto& [key, value] : headers) {
        if (key == name) return value;
      }
      return "";
    }
  };

  void Answer(int status, std::string body = "", std::map<std::string, std::string> headers = {}) {
    const HttpReply reply{status, std::move(headers), std::move(body)};
    answers.push_back([reply] { return reply; });
  }
  // An error of S3.
  void AnswerCode(int status, const std::string& code) {
    Answer(status, "<Error><Code>" + code + "</Code><Message>what it means</Message></Error>");
  }
  void NotSent() {
    answers.push_back([] { return absl::UnavailableError("no connection"); });
  }
  void Lost() {
    answers.push_back([] { return absl::UnknownError("the connection broke"); });
  }

  absl::StatusOr<HttpReply> Do(const HttpRequest& request) override {
    seen.push_back({request.method, request.url, request.headers, std::string(request.body)});
    if (answers.empty()) return absl::InternalError("no answer left");
    absl::StatusOr<HttpReply> answer = answers.front()();
    answers.pop_front();
    if (answer.ok() && request.sink != nullptr && answer->status / 100 == 2) {
      const absl::Status taken = request.sink(*answer, answer->body);
      if (!taken.ok()) return taken;
    }
    return answer;
  }

  std::deque<std::function<absl::StatusOr<HttpReply>()>> answers;
  std::vector<Seen> seen;
};

}  // namespace weir

#endif  // WEIR_TESTS_FAKES_SCRIPTED_HTTP_H_
