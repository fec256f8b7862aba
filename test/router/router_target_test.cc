// What transports and endpoint sources hear of the client.

#include "test/router/router_fixture.h"
#include "test/upstream/fake_needs.h"

namespace weir::router {
namespace {

// Makes transports that note for whom they were made. Plain bytes.
class NotingTransports final : public network::TransportSocketFactory {
 public:
  struct Note {
    std::string server_name, source, destination;
    uint64_t connection_id;
    const network::ConnectionInfo* info;
  };
  std::unique_ptr<network::WorkerTransportSocketFactory> bind(base::ServiceMap&) const override {
    return std::make_unique<Worker>(notes);
  }
  network::TransportNeeds needs() const override { return {.server_name = true, .client = true}; }
  mutable std::vector<Note> notes;

 private:
  class Worker final : public network::WorkerTransportSocketFactory {
   public:
    explicit Worker(std::vector<Note>& notes) : notes_(notes) {}
    std::unique_ptr<network::TransportSocket> create(
        const network::TransportTarget& target) override {
      const auto text = [](const network::Address* a) { return a ? a->toString() : "none"; };
      notes_.push_back({std::string(target.server_name), text(target.source),
                        text(target.destination), target.connection_id, target.info});
      return nullptr;
    }

   private:
    std::vector<Note>& notes_;
  };
};

TEST_F(RouterTest, ATransportHearsForWhomItIs) {
  auto transports = std::make_shared<NotingTransports>();
  auto config = std::make_shared<upstream::ClusterConfig>(*process.config({origin.address()}));
  config->transport = transports;
  worker.clusters.apply({config});
  const auto remote = *network::Address::parse("192.0.2.1:4000");
  const auto local = *network::Address::parse("192.0.2.9:80");
  network::ConnectionInfo redirected;
  redirected.original_destination = *network::Address::parse("198.51.100.1:8080");
  size_t number = 0;
  const auto exchange = [&](std::string_view authority, const network::ConnectionInfo* info,
                            uint64_t connection_id) {
    auto s = stream();
    s->request.authority = authority;
    s->info.downstream_remote = &remote;
    s->info.downstream_local = &local;
    s->info.connection_info = info;
    s->info.connection_id = connection_id;
    s->send();
    received(number);
    origin.send(number, kOk);
    EXPECT_TRUE(ended(*s));
  };
  exchange("shop.example:8443", nullptr, 5);
  exchange("shop.example", nullptr, 5);
  ASSERT_EQ(transports->notes.size(), 1u) << "the second went over the same connection";
  const NotingTransports::Note& first = transports->notes[0];
  EXPECT_EQ(first.server_name, "shop.example");
  EXPECT_EQ(first.source, "192.0.2.1:4000");
  EXPECT_EQ(first.destination, "192.0.2.9:80");
  EXPECT_EQ(first.connection_id, 5u);
  EXPECT_EQ(first.info, nullptr);
  number = 1;
  exchange("[2001:db8::1]:80", &redirected, 6);
  ASSERT_EQ(transports->notes.size(), 2u);
  EXPECT_EQ(transports->notes[1].server_name, "2001:db8::1");
  EXPECT_EQ(transports->notes[1].destination, "198.51.100.1:8080");
  EXPECT_EQ(transports->notes[1].info, &redirected);
}

// A request that has ended while it waited in a pool of its own.
TEST_F(RouterTest, CancellingInAPoolByKeyLeavesNothing) {
  auto config = std::make_shared<upstream::ClusterConfig>(
      *process.config({origin.address()}, {.max_connections = 1}));
  config->transport =
      std::make_shared<upstream::FakeNeeds>(network::TransportNeeds{.client = true});
  worker.clusters.apply({config});
  auto first = stream(), second = stream();
  first->info.connection_id = 1;
  second->info.connection_id = 2;
  first->send();
  received(0);
  second->send();
  EXPECT_EQ(process.gauge("cluster_pending_requests"), 1);
  second->end();
  EXPECT_EQ(process.gauge("cluster_pending_requests"), 0);
  first->end();
  worker.run();
  EXPECT_EQ(worker.cluster().host(0).openConnections(), 0u);
}

// Goes where the client wanted to go.
class OriginalDestination final : public upstream::EndpointSource {
 public:
  Named name(const upstream::PickContext& context) const override {
    if (context.original_destination == nullptr) return {{}, "no_original_destination"};
    return {*context.original_destination, {}};
  }
};

TEST_F(RouterTest, AnEndpointSourceNamesTheEndpoint) {
  auto config = std::make_shared<upstream::ClusterConfig>(*process.config({}));
  config->endpoint_source = std::make_shared<OriginalDestination>();
  worker.clusters.apply({config});
  network::ConnectionInfo info;
  info.original_destination = origin.address();
  auto s = stream();
  s->info.connection_info = &info;
  s->send();
  received(0);
  origin.send(0, kOk);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(*s->info.upstream_address, origin.address());
  auto lost = stream();
  lost->send();
  EXPECT_EQ(lost->sink.status, 503);
  EXPECT_EQ(lost->info.detail, "no_original_destination");
}

}  // namespace
}  // namespace weir::router
