#include "source/server/admin.h"

#include <string>
#include <utility>
#include <vector>

#include "source/http/connection_manager.h"
#include "source/network/plain_transport.h"
#include "source/server/admin_handlers.h"
#include "source/server/server.h"

namespace weir::server {
namespace {

// What a body may have.
constexpr size_t kMostBodyBytes = 64 * 1024;

// Answers one admin request when its body has ended.
class AdminTerminal final : public http::Terminal {
 public:
  AdminTerminal(Server& server, http::FilterChain& chain) : server_(server), chain_(chain) {}

  void onRequestHead(http::RequestHead&, bool end_stream) override {
    if (end_stream) answer();
  }
  void onRequestBody(buffer::Buffer& data, bool end_stream) override {
    if (refused_) return data.clear();
    if (body_.size() + data.size() > kMostBodyBytes) {
      refused_ = true;
      data.clear();
      return give(adminError(413, "the body has more than 64 KiB"));
    }
    body_ += data.toString();
    data.clear();
    if (end_stream) answer();
  }
  void onRequestTrailers(http::HeaderMap&) override {
    if (!refused_) answer();
  }
  void onResponseBlocked(bool) override {}
  void onStreamEnd() override {
    dropLater();
    std::string().swap(body_);  // nobody runs the destructor
  }

 private:
  void answer() {
    http::FilterChainContext& context = chain_.context();
    const std::string_view path = context.request.path;
    const size_t question = path.find('?');
    AdminReply reply = handleAdmin(server_, {.method = context.request.method,
                                             .path = path.substr(0, question),
                                             .query = question == std::string_view::npos
                                                          ? parseQuery({})
                                                          : parseQuery(path.substr(question + 1)),
                                             .body = body_});
    if (reply.later == nullptr) return give(reply);
    later_ = std::move(reply.later);
    later_->start([this](const AdminReply& given) {
      dropLater();
      give(given);
    });
  }
  // It may be its own call that this comes from.
  void dropLater() {
    if (later_ == nullptr) return;
    auto gone = std::make_unique<GoneReply>();
    gone->reply = std::move(later_);
    chain_.context().dispatcher.deferDelete(std::move(gone));
  }
  void give(const AdminReply& reply) {
    http::FilterChainContext& context = chain_.context();
    http::ResponseHead& head = context.response;
    head.clear();
    head.status = reply.status;
    head.framing = http::BodyFraming::kContentLength;
    head.content_length = reply.body.size();
    head.headers.add(http::HeaderId::kContentType, reply.content_type);
    head.headers.add(http::HeaderId::kContentLength, std::to_string(reply.body.size()));
    head.headers.add(http::HeaderId::kCacheControl, "no-store");
    head.headers.add("X-Content-Type-Options", "nosniff");
    if (!reply.allow.empty()) head.headers.add("Allow", reply.allow);
    if (context.request.isHead()) {
      chain_.respondHead(true);
      return;
    }
    chain_.respondHead(false);
    buffer::Buffer body(context.blocks);
    body.append(reply.body);
    chain_.respondBody(body, true);
  }

  struct GoneReply final : event::DeferredDeletable {
    std::unique_ptr<LaterReply> reply;
  };

  Server& server_;
  http::FilterChain& chain_;
  std::unique_ptr<LaterReply> later_;  // under way
  std::string body_;
  bool refused_ = false;
};

class WorkerAdminTerminalFactory final : public http::WorkerTerminalFactory {
 public:
  explicit WorkerAdminTerminalFactory(Server& server) : server_(server) {}
  http::Terminal& create(base::Arena& arena, http::FilterChain& chain) override {
    return *arena.create<AdminTerminal>(server_, chain);
  }

 private:
  Server& server_;
};

class AdminTerminalFactory final : public http::TerminalFactory {
 public:
  explicit AdminTerminalFactory(Server& server) : server_(server) {}
  std::unique_ptr<http::WorkerTerminalFactory> bind(base::ServiceMap&) const override {
    return std::make_unique<WorkerAdminTerminalFactory>(server_);
  }

 private:
  Server& server_;
};

// Admin requests are not routed.
class NoRoutes final : public http::RouteResolver {
 public:
  const http::Route* resolve(const http::RequestHead&, const http::StreamInfo&) const override {
    return nullptr;
  }
};

std::shared_ptr<const network::ListenerConfig> listenerConfig(Server& server,
                                                              const network::Address& address) {
  auto manager = std::make_shared<http::ConnectionManagerConfig>();
  manager->stat_prefix = "admin";
  manager->max_request_body_bytes = 64 * 1024;
  manager->routes = std::make_shared<NoRoutes>();
  manager->terminal = std::make_shared<AdminTerminalFactory>(server);

  auto chain = std::make_shared<network::FilterChainConfig>();
  chain->name = "admin";
  chain->transport = std::make_shared<network::PlainTransportFactory>();
  chain->filters.push_back({"admin", std::make_shared<http::ConnectionManagerFactory>(
                                         std::move(manager), server.stats())});

  auto listener = std::make_shared<network::ListenerConfig>();
  listener->name = "admin";
  listener->address = address;
  listener->backlog = 128;
  listener->max_connections = 256;
  listener->filter_chains = {std::move(chain)};
  listener->selector = std::make_shared<network::FilterChainSelector>(listener->filter_chains);
  return listener;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Admin>> Admin::create(Server& server,
                                                     const network::Address& address) {
  auto config = listenerConfig(server, address);
  auto sockets = network::ListenSocketSet::bind(*config, 1);
  if (!sockets.ok()) return sockets.status();
  return std::unique_ptr<Admin>(new Admin(server, std::move(config), *std::move(sockets)));
}

Admin::Admin(Server& server, std::shared_ptr<const network::ListenerConfig> config,
             std::unique_ptr<network::ListenSocketSet> sockets)
    : sockets_(std::move(sockets)) {
  services_.put<event::Dispatcher>(server.dispatcher());
  services_.put(server.io());
  services_.put(server.stats());
  services_.put(server.stats().block(0));
  services_.put(server.files());
  // Admin connections have a budget of their own, so that a full proxy can still be asked why.
  auto budget = std::make_shared<network::ConnectionBudget>(config->max_connections);
  listener_ = std::make_unique<network::WorkerListener>(
      server.io(), services_, sockets_->fd(0), sockets_->address(), budget,
      std::make_shared<network::ConnectionBudget>(0));
  listener_->update(std::move(config));
}

Admin::~Admin() {
  listener_->closeAll();
}

}  // namespace weir::server
