// How plugins are configured: by a message that they bring along, or by text.

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/duration.pb.h>

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "source/config/describe.h"
#include "source/config/snapshot.h"
#include "source/plugin/config_type.h"
#include "source/plugin/kinds.h"
#include "source/plugin/plugin.h"
#include "test/config/fake_extensions.h"
#include "test/plugin/kinds/test_plugin.h"

namespace weir::plugin {
namespace {

using google::protobuf::FieldDescriptorProto;
using ::testing::HasSubstr;

void addField(google::protobuf::DescriptorProto& message, const std::string& name, int number,
              FieldDescriptorProto::Type type, const std::string& type_name = {},
              bool repeated = false) {
  auto& field = *message.add_field();
  field.set_name(name);
  field.set_number(number);
  field.set_type(type);
  field.set_label(repeated ? FieldDescriptorProto::LABEL_REPEATED
                           : FieldDescriptorProto::LABEL_OPTIONAL);
  if (!type_name.empty()) field.set_type_name(type_name);
}

// message Typed { Limits limits = 1; repeated string names = 2; google.protobuf.Duration wait = 3;
// } message Limits { uint32 rate = 1; }
std::string descriptorSet() {
  google::protobuf::FileDescriptorSet set;
  auto& file = *set.add_file();
  file.set_name("typed.proto");
  file.set_package("acme");
  file.set_syntax("proto3");
  file.add_dependency("google/protobuf/duration.proto");  // which the plugin leaves out
  auto& typed = *file.add_message_type();
  typed.set_name("Typed");
  addField(typed, "limits", 1, FieldDescriptorProto::TYPE_MESSAGE, ".acme.Limits");
  addField(typed, "names", 2, FieldDescriptorProto::TYPE_STRING, {}, true);
  addField(typed, "wait", 3, FieldDescriptorProto::TYPE_MESSAGE, ".google.protobuf.Duration");
  auto& limits = *file.add_message_type();
  limits.set_name("Limits");
  addField(limits, "rate", 1, FieldDescriptorProto::TYPE_UINT32);
  return set.SerializeAsString();
}

struct Seen {
  std::string text, rate, second_name, missing, wait;
  int64_t names = 0;
  int32_t rate_given = 0, no_such = 0;
  size_t message_bytes = 0;
};
Seen seen;
Plugin* the_plugin = nullptr;

void* create(void*, const weir_config* config, weir_report* report) {
  const weir_host& host = *the_plugin->host();
  const auto value = [&](const char* path, int32_t* given = nullptr) {
    weir_str out{};
    const int32_t result = host.config_value(config, str(path), &out);
    if (given != nullptr) *given = result;
    return std::string(view(out));
  };
  seen = {};
  seen.text = view(host.config_text(config));
  seen.message_bytes = host.config_message(config).size;
  seen.rate = value("limits.rate", &seen.rate_given);
  seen.second_name = value("names[1]");
  seen.wait = value("wait.seconds");
  seen.missing = value("limits.none", &seen.no_such);
  seen.names = host.config_count(config, str("names"));
  if (seen.rate == "13") host.report(report, str("limits.rate"), str("brings bad luck"), str("12"));
  if (seen.second_name == "twice") host.report(report, str("names[1]"), str("is there"), {});
  static int object;
  return &object;
}

class PluginConfigTest : public ::testing::Test {
 protected:
  PluginConfigTest() {
    the_plugin = &testPlugin();
    raw_.kind = kindHead<weir_http_filter>(WEIR_HTTP_FILTER, "typed");
    raw_.kind.config_create = create;
    auto type = ConfigType::describe(descriptorSet(), "acme.Typed");
    EXPECT_TRUE(type.ok()) << type.status();
    add(raw_, *std::move(type));
    plain_.kind = kindHead<weir_http_filter>(WEIR_HTTP_FILTER, "plain");
    plain_.kind.config_create = create;
    add(plain_, ConfigType::plainText("http_filters", "plain"));
    none_.kind = kindHead<weir_http_filter>(WEIR_HTTP_FILTER, "none");
    add(none_, ConfigType::plainText("http_filters", "none"));
  }
  void add(const weir_http_filter& raw, std::unique_ptr<const ConfigType> type) {
    the_plugin->addKind(
        std::make_unique<const Kind>(*the_plugin, &raw.kind, "http_filters", std::move(type)));
    const KindType& kind_type = *findKindType(WEIR_HTTP_FILTER);
    EXPECT_TRUE(registry_->add(kind_type.make(*the_plugin->kinds().back())).ok());
  }
  // Of a file with one filter; the errors, or empty.
  std::string load(const std::string& filter) {
    const std::string text =
        "listeners { name: \"a\" address: \"127.0.0.1:0\" filter_chains { filters { config {\n"
        "[network_filters/http_connection_manager] {\n"
        "virtual_hosts { name: \"v\" domains: \"*\" routes { route { cluster: \"c\" } } }\n"
        "http_filters { config { " +
        filter +
        " } } } } } } }\n"
        "clusters { name: \"c\" endpoints { address: \"127.0.0.1:1\" } }\n";
    config::Diagnostics diagnostics;
    snapshot_ = config::Loader(*registry_, stats_).loadText(text, "w.textproto", 1, diagnostics);
    return diagnostics.toString();
  }

  weir_http_filter raw_{};
  weir_http_filter plain_{};
  weir_http_filter none_{};
  stats::Store stats_;
  std::unique_ptr<base::Registry> registry_ = config::fakeRegistry();
  std::shared_ptr<const config::Snapshot> snapshot_;
};

TEST_F(PluginConfigTest, IsReadFieldByField) {
  ASSERT_EQ(
      load("[http_filters/typed] { limits { rate: 7 } names: [\"a\", \"b\"] wait { seconds: 3 } }"),
      "");
  EXPECT_EQ(seen.rate, "7");
  EXPECT_EQ(seen.rate_given, 1);
  EXPECT_EQ(seen.second_name, "b");
  EXPECT_EQ(seen.names, 2);
  EXPECT_EQ(seen.wait, "3");
  EXPECT_EQ(seen.no_such, -1);
  EXPECT_GT(seen.message_bytes, 8u);
  EXPECT_THAT(seen.text, HasSubstr("rate: 7"));
  ASSERT_EQ(load("[type.googleapis.com/acme.Typed] {}"), "");
  EXPECT_EQ(seen.rate, "0");
  EXPECT_EQ(seen.rate_given, 0);
}

TEST_F(PluginConfigTest, MistakesHaveTheirPlace) {
  EXPECT_THAT(load("[http_filters/typed] {\n limits { rat: 7 } }"),
              HasSubstr("w.textproto:5:11: listeners[0].filter_chains[0].filters[0].config."
                        "http_filters[0].config.limits.rat: Limits has no field \"rat\"; did you "
                        "mean \"rate\"?"));
  EXPECT_THAT(load("[http_filters/typed] {\n limits { rate: \"x\" } }"),
              HasSubstr("w.textproto:5:17: "));
  EXPECT_THAT(load("[http_filters/typed] {\n limits { rate: 13 } }"),
              HasSubstr("w.textproto:5:17: listeners[0].filter_chains[0].filters[0].config."
                        "http_filters[0].config.limits.rate: brings bad luck; 12"));
  EXPECT_THAT(load("[http_filters/typed] { names: \"a\"\n names: \"twice\" }"),
              HasSubstr("w.textproto:5:9: listeners[0].filter_chains[0].filters[0].config."
                        "http_filters[0].config.names[1]: is there"));
}

TEST_F(PluginConfigTest, TextIsEnough) {
  ASSERT_EQ(load("[http_filters/plain] { text: \"a=b\" }"), "");
  EXPECT_EQ(seen.text, "a=b");
  ASSERT_EQ(load("[http_filters/plain] {}"), "");
  EXPECT_EQ(seen.text, "");
  ASSERT_EQ(load("[http_filters/none] {}"), "");
  EXPECT_THAT(load("[http_filters/none] { text: \"x\" }"),
              HasSubstr("http_filters/none takes no configuration; write [http_filters/none] {}"));
}

TEST_F(PluginConfigTest, IsShownLikeOthers) {
  ASSERT_EQ(load("[http_filters/typed] { limits { rate: 7 } wait { seconds: 3 } }"), "");
  EXPECT_THAT(snapshot_->text, HasSubstr("[type.googleapis.com/acme.Typed] {"));
  EXPECT_THAT(snapshot_->text, HasSubstr("rate: 7"));
  EXPECT_THAT(snapshot_->json, HasSubstr("\"@type\": \"type.googleapis.com/acme.Typed\""));
  EXPECT_THAT(snapshot_->json, HasSubstr("\"rate\": 7"));
  EXPECT_THAT(snapshot_->json, HasSubstr("\"wait\": \"3s\""));
  ASSERT_EQ(load("[http_filters/plain] { text: \"a=b\" }"), "");
  EXPECT_THAT(snapshot_->json, HasSubstr("\"text\": \"a=b\""));
  const std::string described = config::describeExtensions(*registry_);
  EXPECT_THAT(described, HasSubstr("http_filters/typed\n  acme.Typed\n  plugin tested"));
  EXPECT_THAT(described, HasSubstr("    names: repeated string\n"));
}

TEST(ConfigType, SaysWhatIsWrongWithADescriptor) {
  const auto error = [](const std::string& set, const std::string& message) {
    return std::string(base::view(ConfigType::describe(set, message).status().message()));
  };
  EXPECT_THAT(error(descriptorSet(), "acme.None"), HasSubstr("has no message \"acme.None\""));
  google::protobuf::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(descriptorSet()));
  set.mutable_file(0)->add_dependency("missing.proto");
  EXPECT_THAT(error(set.SerializeAsString(), "acme.Typed"), HasSubstr("missing.proto"));
  *set.add_file() = set.file(0);
  EXPECT_THAT(error(set.SerializeAsString(), "acme.Typed"), HasSubstr("twice"));
}

}  // namespace
}  // namespace weir::plugin
