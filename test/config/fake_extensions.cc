#include "test/config/fake_extensions.h"

#include <cstdlib>
#include <utility>

#include "api/weir/config/v1/extension.pb.h"
#include "api/weir/extensions/load_balancing/least_request/v1/least_request.pb.h"
#include "api/weir/extensions/load_balancing/round_robin/v1/round_robin.pb.h"
#include "api/weir/extensions/network_filters/http_connection_manager/v1/http_connection_manager.pb.h"
#include "api/weir/extensions/transport_sockets/plain/v1/plain.pb.h"
#include "source/config/compiler.h"
#include "source/config/fields.h"
#include "source/config/route_compiler.h"

namespace weir::config {
namespace {

using extensions::load_balancing::least_request::v1::LeastRequest;
using extensions::load_balancing::round_robin::v1::RoundRobin;
using extensions::network_filters::http_connection_manager::v1::HttpConnectionManager;
using extensions::transport_sockets::plain::v1::Plain;
using google::protobuf::Message;

// `Category` with a name and a message; compiles to nothing unless said otherwise. Immutable.
template <class Category, class Config>
class Fake : public Category {
 public:
  explicit Fake(std::string name) : name_(std::move(name)) {}
  std::string_view name() const override { return name_; }
  std::string_view configType() const override { return Config::descriptor()->full_name(); }

 private:
  const std::string name_;
};

class FakeHttp final : public Fake<NetworkFilterExtension, HttpConnectionManager> {
 public:
  using Fake::Fake;
  bool terminal() const override { return true; }
  std::shared_ptr<const network::NetworkFilterFactory> compile(
      const Message& config, const Cursor& at, CompileContext& context) const override {
    const auto& from = static_cast<const HttpConnectionManager&>(config);
    std::vector<Compiler::HttpFilter> filters;
    for (int i = 0; i < from.http_filters_size(); ++i) {
      filters.push_back(
          context.compiler.httpFilter(from.http_filters(i), at.at("http_filters", i), context));
    }
    compileVirtualHosts(from.virtual_hosts(), at, {.context = context, .filters = filters});
    for (int i = 0; i < from.access_logs_size(); ++i) {
      context.compiler.accessLogger(from.access_logs(i), at.at("access_logs", i), context);
    }
    return nullptr;
  }
};

class FakeTap final : public Fake<NetworkFilterExtension, Plain> {
 public:
  using Fake::Fake;
  std::shared_ptr<const network::NetworkFilterFactory> compile(const Message&, const Cursor&,
                                                               CompileContext&) const override {
    return nullptr;
  }
};

class FakeTag final : public Fake<HttpFilterExtension, v1::Extension> {
 public:
  using Fake::Fake;
  std::shared_ptr<const http::HttpFilterFactory> compile(const Message&, const Cursor&,
                                                         CompileContext&) const override {
    struct Nothing final : http::HttpFilterFactory {
      std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap&) const override {
        return nullptr;
      }
    };
    return std::make_shared<const Nothing>();
  }
};

template <class Config>
class FakeBalancing final : public Fake<LoadBalancingExtension, Config> {
 public:
  using Fake<LoadBalancingExtension, Config>::Fake;
  std::shared_ptr<const upstream::LoadBalancerFactory> compile(const Message&, const Cursor&,
                                                               CompileContext&) const override {
    return nullptr;
  }
};

class FakePlain final : public Fake<TransportSocketExtension, Plain> {
 public:
  using Fake::Fake;
  std::shared_ptr<const network::TransportSocketFactory> compile(const Message&, bool,
                                                                 const Cursor&,
                                                                 CompileContext&) const override {
    return nullptr;
  }
};

}  // namespace

std::unique_ptr<base::Registry> fakeRegistry() {
  auto registry = std::make_unique<base::Registry>();
  const auto add = [&](std::unique_ptr<base::Extension> extension) {
    if (!registry->add(std::move(extension)).ok()) std::abort();
  };
  add(std::make_unique<FakeHttp>("http_connection_manager"));
  add(std::make_unique<FakeTap>("tap"));
  add(std::make_unique<FakeTag>("tag"));
  add(std::make_unique<FakeBalancing<RoundRobin>>("round_robin"));
  add(std::make_unique<FakeBalancing<LeastRequest>>("least_request"));
  add(std::make_unique<FakePlain>("plain"));
  return registry;
}

}  // namespace weir::config
