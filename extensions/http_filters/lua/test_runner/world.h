#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "extensions/http_filters/lua/lua.h"
#include "extensions/http_filters/lua/test_runner/dispatcher.h"
#include "source/base/service_map.h"
#include "source/base/shared_dictionary.h"
#include "source/buffer/block_pool.h"
#include "source/router/http_calls.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::lua::test_runner {

using FieldList = std::vector<std::pair<std::string, std::string>>;

// HTTP calls that a test answers. Worker-confined.
class TestCalls final : public router::HttpCalls {
 public:
  // What was asked for. Kept until the end.
  struct Call final : public router::PendingHttpCall {
    std::string cluster, method, scheme, authority, path, body;
    FieldList fields;
    std::chrono::milliseconds timeout{};
    bool forgotten = false;
    bool open() const { return listener != nullptr; }

   private:
    friend class TestCalls;
    void onCancel() override { listener = nullptr; }
    router::HttpCallListener* take() {
      detach();
      return std::exchange(listener, nullptr);
    }
    router::HttpCallListener* listener = nullptr;
  };

  router::HttpCallHandle start(const router::HttpCallRequest& request,
                               router::HttpCallListener& listener) override;
  bool startAndForget(const router::HttpCallRequest& request) override;

  // `call` is open.
  void answer(Call& call, uint16_t status, std::string_view body, const FieldList& fields);
  void fail(Call& call, http::ErrorReason reason);

  std::vector<std::unique_ptr<Call>> all;

 private:
  Call& record(const router::HttpCallRequest& request);

  buffer::BlockPool blocks_;
};

// What a test says of the script it loads. Value.
struct ScriptSpec {
  std::string file;
  std::string metadata_namespace;
  std::vector<std::string> package_folders;
  bool continues_on_error = false;
};

// A script under test as one worker runs it. Worker-confined.
struct LoadedScript {
  LuaSettings settings;
  std::unique_ptr<LuaWorker> worker;
};

// What all scripts of a test file have around them: one worker with simulated time.
// Worker-confined.
class World {
 public:
  World();

  absl::StatusOr<LoadedScript*> load(const ScriptSpec& spec);
  // Makes it unless it is there.
  void addDictionary(const std::string& name);
  // How often scripts have failed so far.
  uint64_t failures(const LoadedScript& script) const;

  SimulatedDispatcher dispatcher;
  TestCalls calls;
  buffer::BlockPool blocks;

 private:
  stats::Store store_;
  base::SharedDictionaries dictionaries_;
  base::ServiceMap services_;
  std::vector<std::unique_ptr<LoadedScript>> scripts_;
};

}  // namespace weir::extensions::http_filters::lua::test_runner
