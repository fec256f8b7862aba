// Shared dictionaries in the running proxy: what workers have of them, across changes of the
// configuration, and what admin says.

#include "source/base/shared_dictionary.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/extensions.h"
#include "source/event/dispatcher.h"
#include "source/http/filter.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"

namespace weir {
namespace {

using base::SharedDictionary;
using test::RawConnection;
using test::RawMessage;
using ::testing::HasSubstr;

// Answers with how often its path was asked for, over all workers. Worker-confined.
class CountFilter final : public http::HttpFilter {
 public:
  CountFilter(SharedDictionary& dictionary, event::Dispatcher& dispatcher)
      : dictionary_(dictionary), dispatcher_(dispatcher) {}
  network::Verdict onRequestHead(http::RequestHead& head, bool) override {
    const auto count = dictionary_.incr(head.path, 1, 0, {}, dispatcher_.now());
    handle().localReply({.status = 200, .body = base::concat(count.value)});
    return network::Verdict::kPause;
  }

 private:
  SharedDictionary& dictionary_;
  event::Dispatcher& dispatcher_;
};

// Worker-confined.
class WorkerCounts final : public http::WorkerHttpFilterFactory {
 public:
  WorkerCounts(std::shared_ptr<SharedDictionary> dictionary, event::Dispatcher& dispatcher)
      : dictionary_(std::move(dictionary)), dispatcher_(dispatcher) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<CountFilter>(*dictionary_, dispatcher_);
  }

 private:
  const std::shared_ptr<SharedDictionary> dictionary_;
  event::Dispatcher& dispatcher_;
};

// Immutable.
class Counts final : public http::HttpFilterFactory {
 public:
  explicit Counts(std::shared_ptr<SharedDictionary> dictionary)
      : dictionary_(std::move(dictionary)) {}
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override {
    const auto found = services.get<base::SharedDictionaries>().find(dictionary_->name());
    EXPECT_EQ(found, dictionary_);
    return std::make_unique<WorkerCounts>(found, services.get<event::Dispatcher>());
  }

 private:
  const std::shared_ptr<SharedDictionary> dictionary_;
};

// http_filters/count, whose message says which dictionary. Immutable.
class CountExtension final : public config::HttpFilterExtension {
 public:
  static absl::Status add(base::Registry& registry) {
    return registry.add(std::make_unique<CountExtension>());
  }
  std::string_view name() const override { return "count"; }
  std::string_view configType() const override { return "google.protobuf.StringValue"; }
  std::shared_ptr<const http::HttpFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override {
    const auto& name = static_cast<const google::protobuf::StringValue&>(config).value();
    auto dictionary = context.compiler.sharedDictionary(name, at.field("value"));
    if (dictionary == nullptr) return nullptr;
    EXPECT_FALSE(context.compiler.sharedDictionaries().empty());
    return std::make_shared<Counts>(std::move(dictionary));
  }
};

std::string config(std::string_view dictionaries, std::string_view used = "hits") {
  const std::string filter =
      base::concat("http_filters { config { [http_filters/count] { value: \"", used, "\" } } }");
  return test::edgeListener(filter, "routes { direct_response { status: 404 } }") +
         test::runtime(2) + std::string(dictionaries);
}

std::string ask(test::InProcessProxy& proxy, const std::string& path) {
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_TRUE(client.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n"));
  return client.readMessage().body;
}

std::string metrics(test::InProcessProxy& proxy) {
  RawConnection client = RawConnection::connectTo(proxy.adminPort());
  client.send(
      "GET /metrics?filter=shared_dictionary HTTP/1.1\r\nHost: a\r\n"
      "Connection: close\r\n\r\n");
  return client.readMessage().body;
}

constexpr std::string_view kHits = "shared_dictionaries { name: \"hits\" max_bytes: 100000 }\n";

TEST(SharedDictionaryIntegration, WorkersCountTogether) {
  test::InProcessProxy proxy(config(kHits), CountExtension::add);
  for (int i = 1; i <= 20; ++i) EXPECT_EQ(ask(proxy, "/a"), base::concat(i));
  EXPECT_EQ(ask(proxy, "/b"), "1");
  EXPECT_THAT(metrics(proxy), HasSubstr("# TYPE weir_shared_dictionary_items gauge\n"
                                        "weir_shared_dictionary_items{name=\"hits\"} 2\n"));
  EXPECT_THAT(metrics(proxy), HasSubstr("_max_bytes{name=\"hits\"} 100000\n"));
}

TEST(SharedDictionaryIntegration, OutlivesAReload) {
  test::InProcessProxy proxy(config(kHits), CountExtension::add);
  EXPECT_EQ(ask(proxy, "/a"), "1");
  EXPECT_EQ(proxy.reload(config("shared_dictionaries { name: \"hits\" max_bytes: 200000 }\n"
                                "shared_dictionaries { name: \"other\" }")),
            "");
  EXPECT_EQ(ask(proxy, "/a"), "2");
  EXPECT_THAT(metrics(proxy), HasSubstr("_max_bytes{name=\"hits\"} 200000\n"));
  EXPECT_THAT(metrics(proxy), HasSubstr("_items{name=\"other\"} 0\n"));
  EXPECT_EQ(proxy.reload(config("shared_dictionaries { name: \"other\" }", "other")), "");
  EXPECT_EQ(ask(proxy, "/a"), "1");
  EXPECT_THAT(metrics(proxy), testing::Not(HasSubstr("hits\"")));
  EXPECT_EQ(proxy.reload(config(kHits)), "");
  EXPECT_EQ(ask(proxy, "/a"), "1");
}

TEST(SharedDictionaryIntegration, AReferenceToNoneIsAnErrorWithThePlace) {
  test::InProcessProxy proxy(config(kHits), CountExtension::add);
  EXPECT_THAT(proxy.reload(config(kHits, "hit")),
              HasSubstr("config.value: there is no shared dictionary \"hit\"; did you mean "
                        "\"hits\"?"));
  EXPECT_EQ(ask(proxy, "/a"), "1");
}

}  // namespace
}  // namespace weir
