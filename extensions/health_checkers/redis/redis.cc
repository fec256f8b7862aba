#include "extensions/health_checkers/redis/redis.h"

#include <initializer_list>

#include "extensions/health_checkers/common/connection_probe.h"
#include "extensions/health_checkers/common/printable.h"
#include "extensions/health_checkers/redis/reply_reader.h"
#include "source/base/concat.h"

namespace weir::extensions::health_checkers::redis {
namespace {

using upstream::ProbeResult;
using Verdict = upstream::ProbeResult::Verdict;

constexpr size_t kMostErrorBytes = 120;  // in a reason

// An array of bulk strings, which is what commands are.
std::string command(std::initializer_list<std::string_view> words) {
  std::string out = base::concat("*", words.size(), "\r\n");
  for (const std::string_view word : words) {
    out += base::concat("$", word.size(), "\r\n", word, "\r\n");
  }
  return out;
}

std::string loginOf(const RedisOptions& options) {
  if (options.password.empty()) return {};
  if (options.username.empty()) return command({"AUTH", options.password});
  return command({"AUTH", options.username, options.password});
}

std::string questionOf(const RedisOptions& options) {
  return options.key.empty() ? command({"PING"}) : command({"EXISTS", options.key});
}

std::string shown(const Reply& reply) {
  switch (reply.kind) {
    case Reply::Kind::kError:
      return printable(reply.text, kMostErrorBytes);
    case Reply::Kind::kStatus:
    case Reply::Kind::kInteger:
      return base::concat("answered \"", printable(reply.text), "\"");
    case Reply::Kind::kMalformed:
      break;
  }
  return "the answer is not one of Redis";
}

ProbeResult judgePing(const Reply& reply) {
  if (reply.kind == Reply::Kind::kStatus && reply.text == "PONG") return {Verdict::kHealthy};
  return {Verdict::kUnhealthy, shown(reply)};
}

ProbeResult judgeKey(const Reply& reply) {
  if (reply.kind != Reply::Kind::kInteger) return {Verdict::kUnhealthy, shown(reply)};
  if (reply.text == "0") return {Verdict::kHealthy};
  return {Verdict::kUnhealthy, "the key of the check is there"};
}

// Main-thread only.
class RedisProbe final : public ConnectionProbe {
 public:
  RedisProbe(upstream::ProbeConnections& connections, const RedisChecker& checker,
             const upstream::ProbeTarget& target, upstream::ProbeListener& listener)
      : ConnectionProbe(connections, target, listener), checker_(checker) {}
  ~RedisProbe() override { release(); }

 private:
  void ask(bool fresh) override;
  void read(buffer::Buffer& data, bool end_stream) override;
  void forget() override { reader_.clear(); }
  void onReply(const Reply& reply, bool more);

  const RedisChecker& checker_;
  ReplyReader reader_;
  bool logging_in_ = false;  // the answer to that comes first
};

void RedisProbe::ask(bool fresh) {
  buffer::Buffer& out = connection().network().output();
  logging_in_ = fresh && !checker_.login().empty();
  if (logging_in_) out.append(checker_.login());
  out.append(checker_.question());
  connection().network().outputReady();
}

void RedisProbe::read(buffer::Buffer& data, bool end_stream) {
  while (!data.empty()) {
    std::string_view piece = data.front();
    const size_t size = piece.size();
    Reply reply;
    const bool complete = reader_.read(piece, reply);
    data.drain(size - piece.size());
    if (!complete) continue;
    const bool logged_in = logging_in_ && reply.kind == Reply::Kind::kStatus && reply.text == "OK";
    if (!logged_in) {
      const bool more = !data.empty() || end_stream;
      data.clear();
      return onReply(reply, more);
    }
    logging_in_ = false;
  }
  if (end_stream) failed("the connection was closed before an answer");
}

// The last one; `more`: something stands behind it, or the end.
void RedisProbe::onReply(const Reply& reply, bool more) {
  if (reply.kind == Reply::Kind::kMalformed) return failed(shown(reply));
  if (logging_in_) {
    return done({Verdict::kUnhealthy, base::concat("AUTH: ", shown(reply))}, /*keep=*/false);
  }
  const ProbeResult result = checker_.asksForKey() ? judgeKey(reply) : judgePing(reply);
  done(result, /*keep=*/!more && reply.kind != Reply::Kind::kError);
}

}  // namespace

RedisChecker::RedisChecker(base::ServiceMap& services, const upstream::ClusterConfig& cluster,
                           const upstream::CheckSettings& settings, const RedisOptions& options)
    : login_(loginOf(options)),
      question_(questionOf(options)),
      asks_for_key_(!options.key.empty()),
      connections_(services, cluster, settings) {}

std::unique_ptr<upstream::HealthProbe> RedisChecker::createProbe(
    const upstream::ProbeTarget& target, upstream::ProbeListener& listener) {
  return std::make_unique<RedisProbe>(connections_, *this, target, listener);
}

}  // namespace weir::extensions::health_checkers::redis
