#include "extensions/http_filters/lua/test_runner/world.h"

#include <filesystem>

#include "extensions/http_filters/lua/bindings.h"

namespace weir::extensions::http_filters::lua::test_runner {
namespace {

constexpr uint64_t kDictionaryBytes = uint64_t{1} << 20;

}  // namespace

// ---- calls --------------------------------------------------------------------------------------

router::HttpCallHandle TestCalls::start(const router::HttpCallRequest& request,
                                        router::HttpCallListener& listener) {
  Call& call = record(request);
  call.listener = &listener;
  return router::HttpCallHandle(call);
}

bool TestCalls::startAndForget(const router::HttpCallRequest& request) {
  record(request).forgotten = true;
  return true;
}

TestCalls::Call& TestCalls::record(const router::HttpCallRequest& request) {
  Call& call = *all.emplace_back(std::make_unique<Call>());
  call.cluster = std::string(request.cluster);
  call.method = std::string(request.method);
  call.scheme = std::string(request.scheme);
  call.authority = std::string(request.authority);
  call.path = std::string(request.path);
  for (const auto& [name, value] : request.fields) call.fields.emplace_back(name, value);
  if (request.body != nullptr) {
    call.body = request.body->toString();
    request.body->clear();
  }
  call.timeout = request.timeout;
  return call;
}

void TestCalls::answer(Call& call, uint16_t status, std::string_view body,
                       const FieldList& fields) {
  http::ResponseHead head;
  head.status = status;
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  base::Arena arena;
  const http::HeaderMap trailers(arena);
  buffer::Buffer bytes(blocks_);
  bytes.append(body);
  const http::StreamInfo info;
  router::HttpCallAnswer answer{.head = head, .body = bytes, .trailers = trailers, .info = info};
  call.take()->onHttpCallAnswer(answer);
}

void TestCalls::fail(Call& call, http::ErrorReason reason) {
  call.take()->onHttpCallFailure({http::ErrorOrigin::kUpstream, reason, false, "test"});
}

// ---- the world ----------------------------------------------------------------------------------

World::World() {
  services_.put<event::Dispatcher>(dispatcher);
  services_.put(store_);
  services_.put(store_.block(1));
  services_.put<router::HttpCalls>(calls);
  services_.put(dictionaries_);
}

absl::StatusOr<LoadedScript*> World::load(const ScriptSpec& spec) {
  weir::lua::ScriptConfig config;
  config.name = std::filesystem::path(spec.file).stem().string();
  config.file = spec.file;
  config.package_folders = spec.package_folders;
  config.entry_points = entryPointNames();
  config.modules = {std::make_shared<LuaModule>()};
  config.on_error =
      spec.continues_on_error ? weir::lua::OnError::kContinue : weir::lua::OnError::kFail;
  auto script = weir::lua::Script::load(std::move(config), store_);
  if (!script.ok()) return script.status();
  auto loaded = std::make_unique<LoadedScript>();
  loaded->settings.script = *std::move(script);
  loaded->settings.metadata_namespace = spec.metadata_namespace;
  loaded->worker = std::make_unique<LuaWorker>(loaded->settings, services_);
  return scripts_.emplace_back(std::move(loaded)).get();
}

void World::addDictionary(const std::string& name) {
  if (dictionaries_.find(name) != nullptr) return;
  base::SharedDictionaries::List all = dictionaries_.all();
  all.push_back(std::make_shared<base::SharedDictionary>(name, kDictionaryBytes));
  dictionaries_.assign(std::move(all));
}

uint64_t World::failures(const LoadedScript& script) const {
  return store_.value(script.settings.script->metrics().errors);
}

}  // namespace weir::extensions::http_filters::lua::test_runner
