#include "test/support/in_process_proxy.h"

#include <chrono>
#include <utility>

#include "gtest/gtest.h"

#include "extensions/all_extensions.h"
#include "source/base/log.h"
#include "test/support/eventually.h"

namespace weir::test {

InProcessProxy::InProcessProxy(std::string_view config, const Registration& more)
    : loader_(registry_, stats_) {
  base::log::setLevel({}, base::log::Level::kError);
  const absl::Status registered = extensions::registerAllExtensions(registry_);
  EXPECT_TRUE(registered.ok()) << registered;
  if (more) {
    EXPECT_TRUE(more(registry_).ok());
  }
  config::Diagnostics diagnostics;
  auto snapshot = loader_.loadText(config, "test.textproto", 1, diagnostics);
  EXPECT_NE(snapshot, nullptr) << diagnostics.toString();
  if (snapshot == nullptr) std::abort();
  const uint32_t workers = snapshot->runtime.workers == 0 ? 2 : snapshot->runtime.workers;
  auto server =
      server::Server::create(std::move(snapshot), stats_, workers, {.handle_signals = false});
  EXPECT_TRUE(server.ok()) << server.status();
  if (!server.ok()) std::abort();
  server_ = *std::move(server);
  std::promise<void> running;
  server_->post([&running] { running.set_value(); });
  thread_ = std::thread([this] { exit_code_.set_value(server_->run()); });
  running.get_future().wait();
}

InProcessProxy::~InProcessProxy() {
  if (thread_.joinable()) shutdown();
}

int InProcessProxy::shutdown() {
  server_->post([this] { server_->shutdown(); });
  const int code = exit_code_.get_future().get();
  thread_.join();
  return code;
}

uint16_t InProcessProxy::port(const std::string& listener) const {
  uint16_t port = 0;
  onMain([&] { port = server_->listenSockets().bound().at(listener).sockets->address().port(); });
  return port;
}

uint16_t InProcessProxy::adminPort() const {
  return server_->adminAddress()->port();
}

void InProcessProxy::onMain(absl::AnyInvocable<void()> task) const {
  std::promise<void> done;
  server_->post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

std::string InProcessProxy::reload(std::string_view config) {
  std::string errors;
  uint64_t version = 0;
  onMain([&] {
    config::Diagnostics diagnostics;
    version = server_->nextVersion();
    auto snapshot = loader_.loadText(config, "test.textproto", version, diagnostics);
    if (snapshot == nullptr) {
      errors = diagnostics.toString();
      return;
    }
    const absl::Status status = server_->apply(std::move(snapshot));
    if (!status.ok()) errors = status.ToString();
  });
  if (!errors.empty()) return errors;
  for (uint32_t i = 0; i < server_->workerCount(); ++i) {
    if (!waitForStat("snapshot_version", static_cast<int64_t>(version),
                     {{"worker", std::to_string(i)}})) {
      return "a worker did not take the snapshot";
    }
  }
  return {};
}

int64_t InProcessProxy::stat(std::string_view name, const stats::Labels& labels) const {
  return stats_.valueOf(name, labels);
}

bool InProcessProxy::waitForStat(std::string_view name, int64_t expected,
                                 const stats::Labels& labels) const {
  return eventually([&] { return stat(name, labels) == expected; });
}

}  // namespace weir::test
