#include "source/redis/link.h"

#include <algorithm>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/status/status.h"

#include "source/base/concat.h"
#include "source/base/task_pool.h"
#include "source/network/io_context.h"

namespace weir::redis {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxPassword = 4096;

// The server is there and cannot serve: better no connection than one on which nothing works.
bool meansUseless(const Reply& reply) {
  if (reply.kind != Reply::Kind::kError) return false;
  for (const std::string_view code : {"LOADING ", "NOAUTH ", "MASTERDOWN "}) {
    if (reply.text.starts_with(code)) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::string> readPassword(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string content(kMaxPassword + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<size_t>(file.gcount()));
  if (file.bad() || !file.eof()) {
    if (content.size() > kMaxPassword) {
      return absl::InvalidArgumentError(
          base::concat("\"", path, "\" is too long; a password has at most 4096 bytes"));
    }
    return absl::InvalidArgumentError(
        base::concat("cannot read \"", path, "\"; check its name and permissions"));
  }
  if (content.ends_with('\n')) content.pop_back();
  if (content.ends_with('\r')) content.pop_back();
  if (content.empty()) {
    return absl::InvalidArgumentError(
        base::concat("\"", path, "\" is empty; write the password into it"));
  }
  return content;
}

// A connection, and what it calls for as long as it is there: it may outlast the link a little.
// Worker-confined.
class Link::Wire final : public network::ConnectionHandler, public event::DeferredDeletable {
 public:
  explicit Wire(Link& link) : link_(&link) {}

  void connect(std::unique_ptr<network::TransportSocket> transport) {
    network::ConnectOptions options;
    options.timeout = link_->server_.connect_timeout;
    connection_ = network::Connection::connect(link_->io_, link_->server_.address,
                                               std::move(transport), options);
    connection_->setHandler(*this);
  }
  network::Connection& connection() { return *connection_; }
  Reader& reader() { return reader_; }
  bool abandoned() const { return link_ == nullptr; }
  void abandon() {
    link_ = nullptr;
    connection_->close(network::CloseMode::kNow);
  }

  void onConnected() override {
    if (link_ != nullptr) link_->greet();
  }
  void onData(buffer::Buffer& data, bool end_stream) override {
    if (link_ == nullptr) return data.clear();
    link_->onData(*this, data, end_stream);
  }
  void onClose(network::CloseReason reason) override {
    if (link_ != nullptr) link_->lost(link_->whyClosed(reason));
  }

 private:
  Link* link_;  // null: it is not wanted any more
  std::unique_ptr<network::Connection> connection_;
  Reader reader_;
};

Link::Link(base::ServiceMap& services, Server server, std::string label, LinkOwner& owner)
    : services_(services),
      io_(services.get<network::IoContext>()),
      dispatcher_(io_.dispatcher()),
      server_(std::move(server)),
      label_(std::move(label)),
      owner_(owner),
      transport_(server_.transport ? server_.transport->bind(services) : nullptr),
      timer_(dispatcher_.wheel(), event::wheelCallback<&Link::onTimer>, this),
      next_retry_(server_.first_retry) {}

Link::~Link() {
  *self_ = nullptr;
  dropWire();
}

// --- Connecting ---

void Link::start() {
  attempt();
}

void Link::attempt() {
  if (server_.password_file.empty()) return connect();
  state_ = State::kPreparing;
  auto* const tasks = services_.find<base::TaskPool>();
  const bool accepted =
      tasks != nullptr &&
      tasks->submit([self = self_, path = server_.password_file, &dispatcher = dispatcher_] {
        dispatcher.post([self, password = readPassword(path)]() mutable {
          if (*self != nullptr) (*self)->onPassword(std::move(password));
        });
      });
  if (!accepted) lost("too many wait for the disk to read the password");
}

void Link::onPassword(absl::StatusOr<std::string> password) {
  if (!password.ok()) return lost(base::view(password.status().message()));
  password_ = *std::move(password);
  connect();
}

void Link::connect() {
  state_ = State::kConnecting;
  wire_ = std::make_unique<Wire>(*this);
  wire_->connect(transport_ ? transport_->create({}) : nullptr);
}

void Link::greet() {
  state_ = State::kGreeting;
  timer_.arm(server_.connect_timeout);
  const auto step = [this](std::string_view name) {
    return [this, name](const Reply* reply) { onGreeting(name, reply); };
  };
  if (!server_.user.empty()) {
    write({"AUTH", server_.user, password_}, step("AUTH"));
  } else if (!server_.password_file.empty()) {
    write({"AUTH", password_}, step("AUTH"));
  }
  password_.clear();
  if (server_.database != 0) {
    write({"SELECT", std::to_string(server_.database)}, step("SELECT"));
  }
  write({"PING"}, step("PING"));
}

void Link::onGreeting(std::string_view step, const Reply* reply) {
  if (reply == nullptr) return;
  if (reply->kind != Reply::Kind::kStatus) {
    return lost(base::concat(step, " was answered with: ", reply->text));
  }
  if (step != "PING") return;
  state_ = State::kUp;
  timer_.cancel();
  next_retry_ = server_.first_retry;
  base::log::info("redis", label_, ": connected to ", server_.address.toString());
  owner_.onLinkUp();
}

// --- Commands ---

bool Link::send(std::span<const std::string_view> words, Answer answer) {
  if (!up() || outstanding_.size() >= kMaxOutstanding) return false;
  if (wire_->connection().aboveHighWatermark()) return false;
  write(words, std::move(answer));
  return true;
}

void Link::write(std::span<const std::string_view> words, Answer answer) {
  appendCommand(wire_->connection().output(), words);
  wire_->connection().outputReady();
  outstanding_.push_back({std::move(answer), dispatcher_.now()});
  if (!timer_.armed()) timer_.arm(server_.response_timeout);
}

void Link::onData(Wire& wire, buffer::Buffer& data, bool end_stream) {
  while (!data.empty()) {
    wire.reader().feed(data.front());
    data.drain(data.front().size());
    Reply reply;
    Reader::Result result = wire.reader().next(reply);
    for (; result == Reader::Result::kReply; result = wire.reader().next(reply)) {
      onReply(reply);
      if (wire.abandoned()) return data.clear();
    }
    if (result == Reader::Result::kBroken) {
      data.clear();
      return lost(wire.reader().problem());
    }
  }
  if (end_stream) lost(whyClosed(network::CloseReason::kRemote));
}

void Link::onReply(const Reply& reply) {
  if (outstanding_.empty()) {
    const bool error = reply.kind == Reply::Kind::kError;
    return lost(error ? reply.text : "an answer that nobody has asked for");
  }
  Answer answer = std::move(outstanding_.front().answer);
  outstanding_.pop_front();
  Wire* const wire = wire_.get();
  answer(&reply);
  if (wire_.get() == wire && up() && meansUseless(reply)) lost(reply.text);
}

// --- Losing it ---

void Link::onTimer() {
  if (state_ == State::kWaiting) return attempt();
  if (state_ == State::kGreeting) {
    return lost(base::concat("no answer within ", server_.connect_timeout.count(), " ms"));
  }
  if (outstanding_.empty()) return;
  const auto waited =
      std::chrono::duration_cast<milliseconds>(dispatcher_.now() - outstanding_.front().at);
  if (waited < server_.response_timeout) return timer_.arm(server_.response_timeout - waited);
  lost(base::concat("no answer within ", server_.response_timeout.count(), " ms"));
}

void Link::lost(std::string_view why) {
  const bool was_up = up();
  if (const auto more = log_limiter_.admit(dispatcher_.now())) {
    base::log::warning("redis", label_, ": ", was_up ? "lost the connection to " : "cannot use ",
                       server_.address.toString(), ": ", why);
  }
  dropWire();
  scheduleRetry();
  for (Sent& sent : std::exchange(outstanding_, {})) sent.answer(nullptr);
  if (was_up) return owner_.onLinkDown();
  owner_.onConnectFailed();
}

void Link::dropWire() {
  if (wire_ == nullptr) return;
  wire_->abandon();
  dispatcher_.deferDelete(std::move(wire_));
}

void Link::scheduleRetry() {
  state_ = State::kWaiting;
  const double spread = 0.8 + 0.4 * random_.unit();
  const auto delay = static_cast<int64_t>(static_cast<double>(next_retry_.count()) * spread);
  timer_.arm(milliseconds(delay));
  next_retry_ = std::min(next_retry_ * 2, server_.last_retry);
}

std::string Link::whyClosed(network::CloseReason reason) {
  network::Connection& connection = wire_->connection();
  switch (reason) {
    case network::CloseReason::kConnectFailed:
    case network::CloseReason::kReset:
      if (connection.lastError() == 0) return "the connection was reset";
      return std::generic_category().message(connection.lastError());
    case network::CloseReason::kConnectTimeout:
      return base::concat("no connection within ", server_.connect_timeout.count(), " ms");
    case network::CloseReason::kTransportError: {
      const std::string text = connection.transport().reason();
      return text.empty() ? "the transport failed" : text;
    }
    case network::CloseReason::kRemote:
    case network::CloseReason::kLocal:
      break;
  }
  return "the server closed the connection";
}

}  // namespace weir::redis
