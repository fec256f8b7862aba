#include "extensions/http_filters/acme_challenge/acme_challenge.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/base/concat.h"
#include "source/base/fd.h"
#include "source/base/task_pool.h"

namespace weir::extensions::http_filters::acme_challenge {
namespace {

constexpr size_t kMaxTokenBytes = 256;
constexpr std::string_view kTokenBytes =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Answers the challenges of one stream. Worker-confined.
class AcmeChallengeFilter final : public http::HttpFilter {
 public:
  AcmeChallengeFilter(const std::string& webroot, base::TaskPool& pool)
      : webroot_(webroot), pool_(pool) {}

  http::Verdict onRequestHead(http::RequestHead& head, bool) override {
    const auto token = challengeToken(head.pathWithoutQuery());
    if (!token) return http::Verdict::kContinue;
    if (head.method != "GET" && !head.isHead()) {
      refuse(405, "acme_challenge_method");
    } else if (token->empty()) {
      refuse(404, "acme_challenge_malformed_token");
    } else {
      ask(*token);
    }
    return http::Verdict::kPause;
  }
  void onStreamEnd() override {
    if (asked_) asked_->filter = nullptr;
  }

 private:
  // What a read under way reports to. Worker-confined but for its existence.
  struct Asked {
    AcmeChallengeFilter* filter;  // null when the stream is over
  };

  void refuse(uint16_t status, std::string_view detail) {
    http::LocalReply reply;
    reply.status = status;
    reply.detail = detail;
    handle().localReply(reply);
  }

  void ask(std::string_view token) {
    asked_ = std::make_shared<Asked>(Asked{this});
    event::Dispatcher& dispatcher = handle().dispatcher();
    const bool accepted = pool_.submit(
        [&dispatcher, asked = asked_, webroot = webroot_, name = std::string(token)]() mutable {
          auto answer = readAnswer(webroot, name);
          dispatcher.post([asked = std::move(asked), answer = std::move(answer)] {
            if (asked->filter != nullptr) asked->filter->onAnswer(answer);
          });
        });
    if (!accepted) refuse(503, "acme_challenge_busy");
  }

  void onAnswer(const std::optional<std::string>& answer) {
    asked_.reset();
    if (!answer) return refuse(404, "acme_challenge_unknown_token");
    http::LocalReply reply;
    reply.status = 200;
    reply.body = *answer;
    reply.content_type = "application/octet-stream";
    reply.detail = "acme_challenge";
    handle().localReply(reply);
  }

  const std::string& webroot_;
  base::TaskPool& pool_;
  std::shared_ptr<Asked> asked_;
};

// Makes the filters of one worker. Worker-confined.
class WorkerAcmeChallengeFilterFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerAcmeChallengeFilterFactory(const std::string& webroot, base::TaskPool& pool)
      : webroot_(webroot), pool_(pool) {}

  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<AcmeChallengeFilter>(webroot_, pool_);
  }

 private:
  const std::string& webroot_;
  base::TaskPool& pool_;
};

}  // namespace

std::optional<std::string_view> challengeToken(std::string_view path) {
  if (!path.starts_with(kChallengePath)) return std::nullopt;
  const std::string_view token = path.substr(kChallengePath.size());
  const bool valid = token.size() <= kMaxTokenBytes &&
                     token.find_first_not_of(kTokenBytes) == std::string_view::npos;
  return valid ? token : std::string_view();
}

std::optional<std::string> readAnswer(const std::string& webroot, std::string_view token) {
  const std::string path = base::concat(webroot, kChallengePath, token);
  // Neither a link out of the folder nor a pipe that blocks.
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat facts {};
  if (!file.valid() || ::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return std::nullopt;
  }
  std::string answer(kMaxAnswerBytes + 1, '\0');
  const ssize_t count = ::read(file.get(), answer.data(), answer.size());
  if (count < 0 || static_cast<size_t>(count) > kMaxAnswerBytes) return std::nullopt;
  answer.resize(static_cast<size_t>(count));
  return answer;
}

std::unique_ptr<http::WorkerHttpFilterFactory> AcmeChallengeFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerAcmeChallengeFilterFactory>(webroot_,
                                                            services.get<base::TaskPool>());
}

}  // namespace weir::extensions::http_filters::acme_challenge
