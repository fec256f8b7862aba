#include "source/http/http_session.h"

#include "source/http/connection_manager_filter.h"
#include "source/http/server_stream.h"

namespace weir::http {

HttpSession::~HttpSession() = default;

const network::ConnectionInfo* HttpSession::connectionInfo() const {
  return manager_->networkChain().info();
}

network::Connection& HttpSession::connection() {
  return manager_->connection();
}

buffer::Buffer& HttpSession::output() {
  const bool direct = manager_->networkChain().writesDirectly(*manager_);
  return direct ? manager_->connection().output() : composed_;
}

void HttpSession::outputReady(bool end_stream) {
  network::NetworkFilterChain& chain = manager_->networkChain();
  if (chain.writesDirectly(*manager_)) return chain.connection().outputReady(end_stream);
  chain.write(*manager_, composed_, end_stream);
}

void HttpSession::setReadEnabled(bool enabled) {
  manager_->connection().setReadEnabled(enabled);
}

void HttpSession::abort() {
  manager_->connection().close(network::CloseMode::kNow);
}

}  // namespace weir::http
