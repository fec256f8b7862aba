#include "source/config/canonical.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <map>
#include <memory>
#include <string_view>

#include "api/weir/config/v1/config.pb.h"
#include "source/config/extension_types.h"
#include "source/config/own_message.h"

namespace weir::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::util::TypeResolver;

// Of an extension that brings its own.
const Descriptor* ownDescriptor(const base::Registry& registry, std::string_view type) {
  const base::Extension* const extension =
      resolveExtensionType(registry, std::string(kTypeUrlPrefix) + std::string(type)).extension;
  if (dynamic_cast<const OwnMessage*>(extension) == nullptr) return nullptr;
  return prototypeOf(*extension)->GetDescriptor();
}

// Finds what Any fields hold. Main-thread only.
class AnyFinder final : public google::protobuf::TextFormat::Finder {
 public:
  explicit AnyFinder(const base::Registry& registry) : registry_(registry) {}

  const Descriptor* FindAnyType(const google::protobuf::Message&, const std::string&,
                                const std::string& name) const override {
    if (const Descriptor* const own = ownDescriptor(registry_, name)) return own;
    return DescriptorPool::generated_pool()->FindMessageTypeByName(name);
  }

 private:
  const base::Registry& registry_;
};

// The same for JSON: what the program has, then the pools of extensions that bring their own.
// Main-thread only.
class AllTypes final : public TypeResolver {
 public:
  explicit AllTypes(const base::Registry& registry)
      : linked_(resolverOf(*DescriptorPool::generated_pool())) {
    for (const base::Extension* extension : registry.entries()) {
      if (dynamic_cast<const OwnMessage*>(extension) == nullptr) continue;
      const DescriptorPool* const pool = prototypeOf(*extension)->GetDescriptor()->file()->pool();
      std::unique_ptr<TypeResolver>& own = own_[pool];
      if (own == nullptr) own = resolverOf(*pool);
    }
  }

  google::protobuf::util::Status ResolveMessageType(const std::string& url,
                                                    google::protobuf::Type* type) override {
    return ask([&](TypeResolver& from) { return from.ResolveMessageType(url, type); });
  }
  google::protobuf::util::Status ResolveEnumType(const std::string& url,
                                                 google::protobuf::Enum* type) override {
    return ask([&](TypeResolver& from) { return from.ResolveEnumType(url, type); });
  }

 private:
  static std::unique_ptr<TypeResolver> resolverOf(const DescriptorPool& pool) {
    return std::unique_ptr<TypeResolver>(
        google::protobuf::util::NewTypeResolverForDescriptorPool("type.googleapis.com", &pool));
  }
  template <class Ask>
  google::protobuf::util::Status ask(const Ask& of) {
    auto status = of(*linked_);
    for (auto own = own_.begin(); !status.ok() && own != own_.end(); ++own) {
      status = of(*own->second);
    }
    return status;
  }

  const std::unique_ptr<TypeResolver> linked_;
  std::map<const DescriptorPool*, std::unique_ptr<TypeResolver>> own_;
};

}  // namespace

std::string canonicalText(const v1::Config& config, const base::Registry& registry) {
  google::protobuf::TextFormat::Printer printer;
  const AnyFinder finder(registry);
  printer.SetExpandAny(true);
  printer.SetFinder(&finder);
  std::string text;
  printer.PrintToString(config, &text);
  text.shrink_to_fit();  // it grew by doubling, and stays
  return text;
}

std::string canonicalJson(const v1::Config& config, const base::Registry& registry) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.add_whitespace = true;
  AllTypes types(registry);
  std::string json;
  // Cannot fail: the messages within are those of extensions that were found.
  (void)google::protobuf::util::BinaryToJsonString(
      &types, std::string(kTypeUrlPrefix) + config.GetDescriptor()->full_name(),
      config.SerializeAsString(), &json, options);
  json.shrink_to_fit();
  return json;
}

}  // namespace weir::config
