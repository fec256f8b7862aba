#include "source/plugin/config_type.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/descriptor_database.h>
#include <google/protobuf/dynamic_message.h>

#include "source/base/concat.h"

namespace weir::plugin {
namespace {

using google::protobuf::DescriptorPool;

// The first thing that is wrong with a plugin's descriptors. Main-thread only.
class FirstError final : public DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element,
                const google::protobuf::Message*, ErrorLocation,
                const std::string& message) override {
    if (text_.empty()) text_ = base::concat(file, ": ", element, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

// The plugin's files come first; well-known ones that it left out are those of this program. Apart
// from the program's own pool, so that names of files cannot clash with those of others.
struct ConfigType::State {
  google::protobuf::SimpleDescriptorDatabase own;
  google::protobuf::DescriptorPoolDatabase known{*DescriptorPool::generated_pool()};
  google::protobuf::MergedDescriptorDatabase all{&own, &known};
  FirstError errors;
  DescriptorPool pool{&all, &errors};
  google::protobuf::DynamicMessageFactory factory{&pool};
  const google::protobuf::Descriptor* descriptor = nullptr;
  const google::protobuf::Message* prototype = nullptr;
  bool is_text = false;

  bool find(const std::string& message) {
    descriptor = pool.FindMessageTypeByName(message);
    if (descriptor != nullptr) prototype = factory.GetPrototype(descriptor);
    return prototype != nullptr;
  }
};

ConfigType::ConfigType(std::unique_ptr<State> state) : state_(std::move(state)) {}

ConfigType::~ConfigType() = default;

absl::StatusOr<std::unique_ptr<const ConfigType>> ConfigType::describe(
    std::string_view descriptor_set, std::string_view message) {
  google::protobuf::FileDescriptorSet files;
  if (!files.ParseFromArray(descriptor_set.data(), static_cast<int>(descriptor_set.size()))) {
    return absl::InvalidArgumentError("config_descriptor is no serialized FileDescriptorSet");
  }
  auto state = std::make_unique<State>();
  for (const google::protobuf::FileDescriptorProto& file : files.file()) {
    if (!state->own.Add(file)) {
      return absl::InvalidArgumentError(
          base::concat("config_descriptor has file \"", file.name(), "\" twice"));
    }
  }
  if (!state->find(std::string(message))) {
    return absl::InvalidArgumentError(
        state->errors.text().empty()
            ? base::concat("config_descriptor has no message \"", message, "\"")
            : base::concat("config_descriptor is no good: ", state->errors.text()));
  }
  return std::unique_ptr<const ConfigType>(new ConfigType(std::move(state)));
}

std::unique_ptr<const ConfigType> ConfigType::plainText(std::string_view category,
                                                        std::string_view name) {
  google::protobuf::FileDescriptorProto file;
  file.set_name(base::concat("weir/plugins/", category, "/", name, ".proto"));
  file.set_package(base::concat("weir.plugins.", category, ".", name));
  file.set_syntax("proto3");
  auto* const message = file.add_message_type();
  message->set_name("Config");
  auto* const field = message->add_field();
  field->set_name("text");
  field->set_number(1);
  field->set_type(google::protobuf::FieldDescriptorProto::TYPE_STRING);
  field->set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
  auto state = std::make_unique<State>();
  state->own.Add(file);
  state->find(base::concat(file.package(), ".Config"));
  state->is_text = true;
  return std::unique_ptr<const ConfigType>(new ConfigType(std::move(state)));
}

const std::string& ConfigType::name() const {
  return state_->descriptor->full_name();
}

const google::protobuf::Message& ConfigType::prototype() const {
  return *state_->prototype;
}

bool ConfigType::isText() const {
  return state_->is_text;
}

}  // namespace weir::plugin
