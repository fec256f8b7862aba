// C++20 on top of plugin.h: what a plugin's author includes. Header-only; depends on plugin.h and
// the standard library alone. Works with and without exceptions; one that escapes from a filter
// ends that filter's stream with 500, is logged and counted, and goes no further.
//
//   #include <weir/plugin/plugin.hpp>
//   namespace sdk = weir::sdk;
//
//   struct Settings {
//     explicit Settings(sdk::Config& config) : tag(config.text("text").value_or("on")) {}
//     std::string tag;
//   };
//   struct Tag {
//     Tag(const Settings& settings, sdk::Stream&) : settings(settings) {}
//     sdk::Verdict onRequestHead(sdk::Headers head, bool) {
//       head.set("x-tag", settings.tag);
//       return sdk::Verdict::kContinue;
//     }
//     const Settings& settings;
//   };
//   WEIR_PLUGIN("tag", "1.0", sdk::httpFilter<Tag, Settings>("tag"))
//
// Build it with: g++ -std=c++20 -shared -fPIC -fvisibility=hidden tag.cc -o tag.so
//
// What is said in plugin.h of threads and lifetimes holds here too: everything of a stream is used
// on its thread; a Ticket is the one way there from other threads.
#ifndef WEIR_PLUGIN_PLUGIN_HPP_
#define WEIR_PLUGIN_PLUGIN_HPP_

#include <array>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "plugin.h"

namespace weir::sdk {

// ---- texts, the host, errors
// ----------------------------------------------------------------------

inline weir_str str(std::string_view text) {
  return {text.data(), text.size()};
}
inline std::string_view view(weir_str text) {
  return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.size);
}

namespace detail {
inline const weir_host* the_host = nullptr;
}

// Weir, from the call of the entry function on.
inline const weir_host& host() {
  return *detail::the_host;
}

enum class Level : int32_t {
  kTrace = WEIR_LOG_TRACE,
  kDebug = WEIR_LOG_DEBUG,
  kInfo = WEIR_LOG_INFO,
  kWarning = WEIR_LOG_WARNING,
  kError = WEIR_LOG_ERROR
};
// Any thread.
inline void log(Level level, std::string_view text) {
  host().log(&host(), static_cast<int32_t>(level), str(text));
}
inline bool logs(Level level) {
  return host().log_enabled(&host(), static_cast<int32_t>(level)) != 0;
}
// An error outside of any stream. Any thread.
inline void fault(std::string_view text) {
  host().fault(&host(), str(text));
}

namespace detail {

// Runs `body`; what it throws ends here, and `failed` is told.
template <class Body, class Failed>
void contain(Body&& body, Failed&& failed) noexcept {
#if defined(__cpp_exceptions)
  try {
    body();
  } catch (const std::exception& error) {
    failed(std::string_view(error.what()));
  } catch (...) {
    failed(std::string_view("an exception that is no std::exception"));
  }
#else
  (void)failed;
  body();
#endif
}

}  // namespace detail

// ---- configuration
// --------------------------------------------------------------------------------

// What the configuration file says at one place; for the constructor of a settings class, during
// it.
class Config {
 public:
  Config(const weir_config* config, weir_report* report) : config_(config), report_(report) {}

  // A field by its path, "limits.rate", "names[2]", when it is given.
  std::optional<std::string> text(std::string_view path) const {
    weir_str found{};
    if (host().config_value(config_, str(path), &found) != 1) return std::nullopt;
    return std::string(view(found));
  }
  // The same as a number; one that is out of T's range is reported.
  template <class T>
  requires std::is_arithmetic_v<T> std::optional<T> number(std::string_view path) {
    const std::optional<std::string> given = text(path);
    if (!given.has_value()) return std::nullopt;
    T value{};
    const char* const end = given->data() + given->size();
    const auto [stop, error] = std::from_chars(given->data(), end, value);
    if (error == std::errc() && stop == end) return value;
    this->error(path, "is no number that is possible here");
    return std::nullopt;
  }
  bool flag(std::string_view path) const { return text(path) == "true"; }
  // Elements of a repeated field; 0 or 1 of another one.
  size_t count(std::string_view path) const {
    const int64_t count = host().config_count(config_, str(path));
    return count < 0 ? 0 : static_cast<size_t>(count);
  }
  // Without a descriptor, what `text` says; with one, the message as protobuf text.
  std::string whole() const { return std::string(view(host().config_text(config_))); }
  // Serialized, for those who link Protobuf.
  std::string message() const { return std::string(view(host().config_message(config_))); }
  // A file name that the user wrote.
  std::string path(std::string_view name) const {
    return std::string(view(host().config_path(config_, str(name))));
  }

  // What is wrong at a field ("" is the message as a whole), and what would be right. The
  // configuration is then refused.
  void error(std::string_view field, std::string_view what, std::string_view right = {}) {
    host().report(report_, str(field), str(what), str(right));
  }

 private:
  const weir_config* config_;
  weir_report* report_;
};

// ---- messages
// -------------------------------------------------------------------------------------

// A head with its fields, or trailers; ":path", ":status" and the like are reached by these names.
// A view: the values live as long as the stream. Cheap to copy.
class Headers {
 public:
  explicit Headers(const weir_headers* headers = nullptr)
      : headers_(const_cast<weir_headers*>(headers)) {}
  // False: there is no such head (yet).
  explicit operator bool() const { return headers_ != nullptr; }

  std::optional<std::string_view> get(std::string_view name) const {
    weir_str value{};
    if (host().headers_get(headers_, str(name), &value) == 0) return std::nullopt;
    return view(value);
  }
  std::string_view value(std::string_view name) const { return get(name).value_or(""); }
  std::vector<std::string_view> values(std::string_view name) const {
    std::array<weir_str, 16> few{};
    std::vector<weir_str> many;
    const size_t count = host().headers_values(headers_, str(name), few.data(), few.size());
    const weir_str* from = few.data();
    if (count > few.size()) {
      many.resize(count);
      host().headers_values(headers_, str(name), many.data(), many.size());
      from = many.data();
    }
    std::vector<std::string_view> result;
    for (size_t i = 0; i < count; ++i) result.push_back(view(from[i]));
    return result;
  }
  size_t size() const { return host().headers_size(headers_); }
  // False: refused, see weir_host.headers_add.
  bool set(std::string_view name, std::string_view value) {
    return host().headers_set(headers_, str(name), str(value)) != 0;
  }
  bool add(std::string_view name, std::string_view value) {
    return host().headers_add(headers_, str(name), str(value)) != 0;
  }
  size_t remove(std::string_view name) { return host().headers_remove(headers_, str(name)); }

  struct Field {
    std::string_view name;
    std::string_view value;
  };
  // for (const Headers::Field& field : headers) …: without the names that begin with ":".
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Field;
    using difference_type = std::ptrdiff_t;
    using pointer = const Field*;
    using reference = const Field&;
    explicit Iterator(const weir_headers* headers) : headers_(headers) { ++*this; }
    const Field& operator*() const { return field_; }
    const Field* operator->() const { return &field_; }
    Iterator& operator++() {
      weir_field field{};
      if (host().headers_next(headers_, &cursor_, &field) == 0) {
        headers_ = nullptr;
      } else {
        field_ = {view(field.name), view(field.value)};
      }
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return headers_ == nullptr; }

   private:
    const weir_headers* headers_;
    size_t cursor_ = 0;
    Field field_;
  };
  Iterator begin() const { return Iterator(headers_); }
  std::default_sentinel_t end() const { return {}; }

  weir_headers* handle() const { return headers_; }

 private:
  weir_headers* headers_;
};

// A queue of bytes: of a body, during the call that shows it. Cheap to copy; does not own.
class Buffer {
 public:
  explicit Buffer(weir_buffer* buffer) : buffer_(buffer) {}

  size_t size() const { return host().buffer_size(buffer_); }
  bool empty() const { return size() == 0; }
  // All of it, or its beginning, in one piece; good until the next change.
  std::string_view bytes(size_t most = SIZE_MAX) { return view(host().buffer_view(buffer_, most)); }
  std::string_view front() const { return view(host().buffer_front(buffer_)); }
  size_t copy(size_t offset, char* out, size_t size) const {
    return host().buffer_copy(buffer_, offset, out, size);
  }
  std::string string() const {
    std::string text(size(), '\0');
    copy(0, text.data(), text.size());
    return text;
  }
  void drain(size_t bytes) { host().buffer_drain(buffer_, bytes); }
  void clear() { drain(SIZE_MAX); }
  void append(std::string_view bytes) { host().buffer_append(buffer_, str(bytes)); }
  void prepend(std::string_view bytes) { host().buffer_prepend(buffer_, str(bytes)); }
  void replace(std::string_view bytes) { host().buffer_replace(buffer_, str(bytes)); }
  void moveTo(Buffer to, size_t bytes = SIZE_MAX) {
    host().buffer_move(buffer_, to.buffer_, bytes);
  }
  weir_buffer* handle() const { return buffer_; }

 protected:
  weir_buffer* buffer_;
};

// Facts of an exchange or a connection, by WEIR_TEXT_… and WEIR_NUMBER_….
class Info {
 public:
  explicit Info(const weir_info* info) : info_(info) {}

  std::optional<std::string> text(uint32_t fact, uint32_t index = 0) const {
    weir_scratch scratch;
    weir_str value{};
    if (host().info_text(info_, fact, index, &scratch, &value) == 0) return std::nullopt;
    return std::string(view(value));
  }
  std::optional<int64_t> number(uint32_t fact) const {
    int64_t value = 0;
    if (host().info_number(info_, fact, &value) == 0) return std::nullopt;
    return value;
  }
  // A text that a filter has left for others.
  std::optional<std::string_view> metadata(std::string_view name_space,
                                           std::string_view key) const {
    weir_value value{};
    if (host().info_metadata(info_, str(name_space), str(key), &value) == 0) return std::nullopt;
    if (value.type != WEIR_VALUE_TEXT) return std::nullopt;
    return view(value.text);
  }
  std::optional<double> metadataNumber(std::string_view name_space, std::string_view key) const {
    weir_value value{};
    if (host().info_metadata(info_, str(name_space), str(key), &value) == 0) return std::nullopt;
    if (value.type != WEIR_VALUE_NUMBER) return std::nullopt;
    return value.number;
  }

 private:
  const weir_info* info_;
};

// ---- timers, calls, tickets
// -----------------------------------------------------------------------

struct CallRequest {
  std::string_view cluster;
  std::string_view method = "GET";
  std::string_view path = "/";
  std::string_view authority;
  std::vector<Headers::Field> fields = {};
  std::string_view body = {};
  std::chrono::milliseconds timeout{5000};
};

// Good while the function that gets it runs.
class CallResponse {
 public:
  explicit CallResponse(const weir_call_response& response) : response_(response) {}
  bool answered() const { return response_.outcome == WEIR_CALL_ANSWERED; }
  bool timedOut() const { return response_.outcome == WEIR_CALL_TIMEOUT; }
  uint32_t status() const { return response_.status; }  // 0 unless answered
  Headers headers() const { return Headers(response_.headers); }
  Headers trailers() const { return Headers(response_.trailers); }
  std::string_view body() const { return view(response_.body); }
  std::string_view error() const { return view(response_.error); }  // why it was not answered

 private:
  const weir_call_response& response_;
};

class Scope;

namespace detail {

// A function that Weir will call, of a timer or a call. Whoever comes first, the handle's end or
// the scope's, takes it out.
struct Pending {
  Scope* scope = nullptr;  // null: over
  weir_timer* timer = nullptr;
  weir_call* call = nullptr;
  std::function<void()> fire;
  std::function<void(const CallResponse&)> done;

  void drop();
};

}  // namespace detail

// A timer; its end cancels it. Resolution 10 ms.
class Timer {
 public:
  Timer() = default;
  explicit Timer(std::shared_ptr<detail::Pending> pending) : pending_(std::move(pending)) {}
  Timer(Timer&&) = default;
  Timer& operator=(Timer&& other) noexcept {
    std::swap(pending_, other.pending_);
    return *this;
  }
  ~Timer() {
    if (pending_) pending_->drop();
  }
  // (Re)starts it; fires once.
  void arm(std::chrono::milliseconds delay) {
    if (!pending_ || pending_->scope == nullptr) return;
    host().timer_arm(pending_->timer, delay.count() < 0 ? 0 : static_cast<uint64_t>(delay.count()));
  }
  void cancel() {
    if (pending_ && pending_->scope != nullptr) host().timer_cancel(pending_->timer);
  }

 private:
  std::shared_ptr<detail::Pending> pending_;
};

// An HTTP call under way; its end cancels it.
class Call {
 public:
  Call() = default;
  explicit Call(std::shared_ptr<detail::Pending> pending) : pending_(std::move(pending)) {}
  Call(Call&&) = default;
  Call& operator=(Call&& other) noexcept {
    std::swap(pending_, other.pending_);
    return *this;
  }
  ~Call() {
    if (pending_) pending_->drop();
  }
  explicit operator bool() const { return pending_ != nullptr && pending_->call != nullptr; }

 private:
  std::shared_ptr<detail::Pending> pending_;
};

// The way back to a T (a filter, a worker) from any thread, for as long as one likes. Copyable.
template <class T>
class Ticket {
 public:
  Ticket() = default;
  // What an owner, as Weir knows it, comes to.
  struct Found {
    T* object;
    void* handle;  // of whom `fail` is to tell what a task has thrown; it outlives the object
    void (*fail)(void* handle, std::string_view what);
  };
  using Find = Found (*)(void* owner);
  // Takes the reference.
  Ticket(weir_ticket* ticket, Find find) : ticket_(ticket), find_(find) {}
  Ticket(const Ticket& other)
      : ticket_(other.ticket_ == nullptr ? nullptr : host().ticket_share(other.ticket_)),
        find_(other.find_) {}
  Ticket(Ticket&& other) noexcept
      : ticket_(std::exchange(other.ticket_, nullptr)), find_(other.find_) {}
  Ticket& operator=(Ticket other) noexcept {
    std::swap(ticket_, other.ticket_);
    std::swap(find_, other.find_);
    return *this;
  }
  ~Ticket() {
    if (ticket_ != nullptr) host().ticket_release(ticket_);
  }

  // Runs task(T&) on the T's thread, soon; not at all when the T has gone meanwhile. Any thread.
  void post(std::function<void(T&)> task) const {
    if (ticket_ == nullptr) return;
    host().ticket_post(ticket_, &Ticket::run, new Posted{std::move(task), find_});
  }

 private:
  struct Posted {
    std::function<void(T&)> task;
    Find find;
  };
  static void run(void* arg, void* owner) noexcept {
    const std::unique_ptr<Posted> posted(static_cast<Posted*>(arg));
    if (owner == nullptr) return;
    const Found found = posted->find(owner);
    detail::contain([&] { posted->task(*found.object); },
                    [&](std::string_view what) { found.fail(found.handle, what); });
  }

  weir_ticket* ticket_ = nullptr;
  Find find_ = nullptr;
};

// What timers and calls end with: part of a Stream or Loop.
class Scope {
 public:
  // `failed` is told what a function of a timer or call has thrown.
  Scope(weir_scope* scope, std::function<void(std::string_view)> failed)
      : scope_(scope), failed_(std::move(failed)) {}
  ~Scope() { end(); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  [[nodiscard]] Timer timer(std::function<void()> fire) {
    auto pending = add();
    pending->fire = std::move(fire);
    pending->timer = host().timer_create(scope_, &Scope::onFired, pending.get());
    return Timer(std::move(pending));
  }
  // An empty one, and `error`, when it cannot begin: then `done` is not called.
  [[nodiscard]] Call call(const CallRequest& request, std::function<void(const CallResponse&)> done,
                          std::string* error = nullptr) {
    std::vector<weir_field> fields = {{str(":method"), str(request.method)},
                                      {str(":path"), str(request.path)},
                                      {str(":authority"), str(request.authority)}};
    for (const Headers::Field& field : request.fields) {
      fields.push_back({str(field.name), str(field.value)});
    }
    weir_call_request raw{};
    raw.size = sizeof raw;
    raw.timeout_ms = static_cast<uint32_t>(request.timeout.count());
    raw.cluster = str(request.cluster);
    raw.headers = fields.data();
    raw.header_count = fields.size();
    raw.body = str(request.body);
    auto pending = add();
    pending->done = std::move(done);
    weir_str why{};
    pending->call = host().call(scope_, &raw, &Scope::onDone, pending.get(), &why);
    if (pending->call != nullptr) return Call(std::move(pending));
    if (error != nullptr) *error = view(why);
    forget(*pending);
    return {};
  }
  weir_scope* handle() const { return scope_; }
  // Weir has ended it: what is pending is over.
  void end() {
    for (const auto& pending : pending_) {
      pending->scope = nullptr;
      pending->call = nullptr;
    }
    pending_.clear();
  }

 private:
  friend struct detail::Pending;
  std::shared_ptr<detail::Pending> add() {
    auto pending = std::make_shared<detail::Pending>();
    pending->scope = this;
    pending_.push_back(pending);
    return pending;
  }
  void forget(detail::Pending& pending) {
    pending.scope = nullptr;
    pending.call = nullptr;
    std::erase_if(pending_, [&](const auto& other) { return other.get() == &pending; });
  }
  static void onFired(void* arg) noexcept {
    // The timer, the stream and all may go in there.
    const auto pending = static_cast<detail::Pending*>(arg)->scope->share(arg);
    const auto failed = pending->scope->failed_;
    const auto fire = pending->fire;
    detail::contain([&] { fire(); }, failed);
  }
  static void onDone(void* arg, const weir_call_response* response) noexcept {
    const auto pending = static_cast<detail::Pending*>(arg)->scope->share(arg);
    const auto failed = pending->scope->failed_;
    const auto done = std::move(pending->done);
    pending->scope->forget(*pending);
    detail::contain([&] { done(CallResponse(*response)); }, failed);
  }
  std::shared_ptr<detail::Pending> share(void* arg) {
    for (const auto& pending : pending_) {
      if (pending.get() == arg) return pending;
    }
    return nullptr;
  }

  weir_scope* scope_;
  std::function<void(std::string_view)> failed_;
  std::vector<std::shared_ptr<detail::Pending>> pending_;
};

inline void detail::Pending::drop() {
  if (scope == nullptr) return;
  if (timer != nullptr) host().timer_destroy(timer);
  if (call != nullptr) host().call_cancel(call);
  scope->forget(*this);
}

// ---- metrics, dictionaries, files
// -----------------------------------------------------------------

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

class Counter {
 public:
  explicit Counter(weir_counter* counter = nullptr) : counter_(counter) {}
  void add(uint64_t amount = 1) { host().counter_add(counter_, amount); }

 private:
  weir_counter* counter_;
};

class Gauge {
 public:
  explicit Gauge(weir_gauge* gauge = nullptr) : gauge_(gauge) {}
  void set(double value) { host().gauge_set(gauge_, value); }
  void add(double amount) { host().gauge_add(gauge_, amount); }

 private:
  weir_gauge* gauge_;
};

class Histogram {
 public:
  explicit Histogram(weir_histogram* histogram = nullptr) : histogram_(histogram) {}
  void record(uint64_t value) { host().histogram_record(histogram_, value); }

 private:
  weir_histogram* histogram_;
};

// A shared dictionary of the configuration file. Any thread, while the loop lives.
class Dictionary {
 public:
  explicit Dictionary(weir_dictionary* dictionary = nullptr) : dictionary_(dictionary) {}
  // False: there is none of that name; then every operation fails.
  explicit operator bool() const { return dictionary_ != nullptr; }

  std::optional<std::string> get(std::string_view key) const {
    std::string value(64, '\0');
    while (true) {
      const int64_t size = host().dictionary_get(dictionary_, str(key), value.data(), value.size());
      if (size < 0) return std::nullopt;
      const bool whole = static_cast<size_t>(size) <= value.size();
      value.resize(static_cast<size_t>(size));
      if (whole) return value;
    }
  }
  std::optional<double> number(std::string_view key) const {
    double value = 0;
    if (host().dictionary_number(dictionary_, str(key), &value) == 0) return std::nullopt;
    return value;
  }
  // `ttl` zero: for ever.
  bool set(std::string_view key, std::string_view value, std::chrono::milliseconds ttl = {}) {
    return host().dictionary_set(dictionary_, str(key), str(value), millis(ttl)) != 0;
  }
  bool add(std::string_view key, std::string_view value, std::chrono::milliseconds ttl = {}) {
    return host().dictionary_add(dictionary_, str(key), str(value), millis(ttl)) != 0;
  }
  std::optional<double> incr(std::string_view key, double amount,
                             std::chrono::milliseconds ttl = {}) {
    double sum = 0;
    if (host().dictionary_incr(dictionary_, str(key), amount, millis(ttl), &sum) == 0) {
      return std::nullopt;
    }
    return sum;
  }
  bool remove(std::string_view key) { return host().dictionary_remove(dictionary_, str(key)) != 0; }

 private:
  static uint64_t millis(std::chrono::milliseconds ttl) {
    return ttl.count() < 0 ? 0 : static_cast<uint64_t>(ttl.count());
  }
  weir_dictionary* dictionary_;
};

class File {
 public:
  explicit File(weir_file* file = nullptr) : file_(file) {}
  explicit operator bool() const { return file_ != nullptr; }
  // A whole line with its newline. False: it was dropped.
  bool write(std::string_view line) { return host().file_write(file_, str(line)) != 0; }

 private:
  weir_file* file_;
};

// One configuration on one thread: for the constructor of a worker class, which may keep it.
class Loop {
 public:
  explicit Loop(weir_loop* loop)
      : loop_(loop), scope_(host().loop_scope(loop), [](std::string_view what) { fault(what); }) {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  uint32_t index() const { return host().loop_index(loop_); }
  std::chrono::nanoseconds now() const {
    return std::chrono::nanoseconds(static_cast<int64_t>(host().loop_now(loop_)));
  }
  std::chrono::system_clock::time_point time() const {
    return std::chrono::system_clock::time_point(
        std::chrono::nanoseconds(static_cast<int64_t>(host().loop_time(loop_))));
  }
  uint64_t random() { return host().loop_random(loop_); }
  // For what belongs to no stream.
  Scope& scope() { return scope_; }
  Counter counter(std::string_view name, Labels labels = {}) {
    const auto raw = labelsOf(labels);
    return Counter(host().counter(loop_, str(name), raw.data(), raw.size()));
  }
  Gauge gauge(std::string_view name, Labels labels = {}) {
    const auto raw = labelsOf(labels);
    return Gauge(host().gauge(loop_, str(name), raw.data(), raw.size()));
  }
  Histogram histogram(std::string_view name, Labels labels = {}) {
    const auto raw = labelsOf(labels);
    return Histogram(host().histogram(loop_, str(name), raw.data(), raw.size()));
  }
  Dictionary dictionary(std::string_view name) {
    return Dictionary(host().dictionary(loop_, str(name)));
  }
  File file(std::string_view path) { return File(host().file_open(loop_, str(path))); }
  weir_loop* handle() const { return loop_; }

 private:
  static std::vector<weir_label> labelsOf(Labels labels) {
    std::vector<weir_label> raw;
    for (const auto& [name, value] : labels) raw.push_back({str(name), str(value)});
    return raw;
  }
  weir_loop* loop_;
  Scope scope_;
};

// A buffer of one's own, on a loop's thread.
class OwnBuffer : public Buffer {
 public:
  explicit OwnBuffer(weir_loop* loop) : Buffer(host().buffer_create(loop)) {}
  ~OwnBuffer() { host().buffer_destroy(buffer_); }
  OwnBuffer(const OwnBuffer&) = delete;
  OwnBuffer& operator=(const OwnBuffer&) = delete;
};

// ---- what all kinds have in common
// ----------------------------------------------------------------

// How a kind is presented.
struct KindOptions {
  // NOLINTNEXTLINE(google-explicit-constructor): httpFilter<F>("name") is what most want.
  KindOptions(const char* kind_name) : name(kind_name) {}
  std::string_view name;
  std::string_view about = {};
  // A serialized FileDescriptorSet and the full name of the configuration message in it.
  std::string_view config_descriptor = {};
  std::string_view config_message = {};
};

// Settings of kinds that have none.
struct NoConfig {};

namespace detail {

// What a weir_kind.config is: settings of the place that configures the extension, or of a route.
struct AnyConfig {
  virtual ~AnyConfig() = default;
};
template <class C>
struct ConfigOf final : AnyConfig {
  explicit ConfigOf(Config& source) requires std::constructible_from<C, Config&> : value(source) {}
  explicit ConfigOf(Config&) requires(!std::constructible_from<C, Config&>) : value() {}
  const C value;
};

template <class C>
void* createConfig(void*, const weir_config* config, weir_report* report) noexcept {
  Config source(config, report);
  AnyConfig* made = nullptr;
  contain([&] { made = new ConfigOf<C>(source); },
          [&](std::string_view what) { source.error({}, what); });
  return made;
}
inline void destroyConfig(void* config) noexcept {
  delete static_cast<AnyConfig*>(config);
}
template <class C>
const C& configOf(const void* config) {
  return static_cast<const ConfigOf<C>*>(static_cast<const AnyConfig*>(config))->value;
}

// What a worker is: the plugin's own object, or the settings themselves.
template <class C, class W>
struct WorkerOf {
  WorkerOf(const C& config, weir_loop* handle) : loop(handle), value(config, loop) {}
  Loop loop;
  W value;
};
template <class C>
struct WorkerOf<C, void> {
  WorkerOf(const C& config, weir_loop* handle) : loop(handle), value(config) {}
  Loop loop;
  const C& value;
};

template <class C, class W>
void* createWorker(void* config, weir_loop* loop) noexcept {
  WorkerOf<C, W>* made = nullptr;
  contain([&] { made = new WorkerOf<C, W>(configOf<C>(config), loop); },
          [&](std::string_view what) { fault(what); });
  return made;
}
template <class C, class W>
void destroyWorker(void* worker) noexcept {
  auto* const object = static_cast<WorkerOf<C, W>*>(worker);
  object->loop.scope().end();
  delete object;
}

// The part of a kind that is the same for all.
template <class C, class W>
weir_kind kindOf(uint32_t type, uint32_t size, const KindOptions& options) {
  weir_kind kind{};
  kind.size = size;
  kind.type = type;
  kind.name = str(options.name);
  kind.about = str(options.about);
  kind.config_descriptor = str(options.config_descriptor);
  kind.config_message = str(options.config_message);
  kind.config_create = createConfig<C>;
  kind.config_destroy = destroyConfig;
  kind.worker_create = createWorker<C, W>;
  kind.worker_destroy = destroyWorker<C, W>;
  return kind;
}

// Kinds live as long as the process.
template <class Raw>
const weir_kind* keepKind(const Raw& raw) {
  static std::vector<std::unique_ptr<Raw>> kept;
  return &kept.emplace_back(std::make_unique<Raw>(raw))->kind;
}

}  // namespace detail

// ---- HTTP filters
// ---------------------------------------------------------------------------------

enum class Verdict : int32_t { kContinue = WEIR_CONTINUE, kPause = WEIR_PAUSE };

enum class BodyMode : uint32_t {
  kNone = WEIR_BODY_NONE,
  kStream = WEIR_BODY_STREAM,
  kCollect = WEIR_BODY_COLLECT
};
struct BodyNeeds {
  BodyMode request = BodyMode::kNone;
  BodyMode response = BodyMode::kNone;
  uint32_t collect_limit_bytes = 1024 * 1024;
};

struct Reply {
  uint32_t status = 500;
  std::string_view body = {};
  std::string_view content_type = {};
  std::vector<Headers::Field> fields = {};
  std::string_view detail = {};  // for the access log: one word
  int32_t grpc_status = -1;
  bool close_connection = false;
};

// One exchange. A filter may keep the reference given to its constructor until its end.
class Stream {
 public:
  Stream(weir_http_stream* stream, weir_loop* loop) : stream_(stream), loop_(loop) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Headers requestHeaders() const { return headers(WEIR_REQUEST_HEADERS); }
  Headers requestTrailers() const { return headers(WEIR_REQUEST_TRAILERS); }
  Headers responseHeaders() const { return headers(WEIR_RESPONSE_HEADERS); }
  Headers responseTrailers() const { return headers(WEIR_RESPONSE_TRAILERS); }
  Info info() const { return Info(api().info(stream_)); }

  // End a kPause in that direction. The filter may be gone afterwards, unless it is within a
  // callback.
  void resumeRequest() { api().resume(stream_, WEIR_REQUEST); }
  void resumeResponse() { api().resume(stream_, WEIR_RESPONSE); }
  // Answers instead of the upstream; return Verdict::kPause then. False: the reply is malformed.
  bool reply(const Reply& reply) {
    std::vector<weir_field> fields;
    for (const Headers::Field& field : reply.fields) {
      fields.push_back({str(field.name), str(field.value)});
    }
    weir_reply raw{};
    raw.size = sizeof raw;
    raw.status = reply.status;
    raw.body = str(reply.body);
    raw.content_type = str(reply.content_type);
    raw.headers = fields.data();
    raw.header_count = fields.size();
    raw.detail = str(reply.detail);
    raw.grpc_status = reply.grpc_status;
    if (reply.close_connection) raw.flags |= WEIR_REPLY_CLOSE_CONNECTION;
    return api().local_reply(stream_, &raw) != 0;
  }
  void reset(std::string_view detail = {}) { api().reset(stream_, str(detail)); }
  // As an exception would.
  void fail(std::string_view what) { api().fail(stream_, str(what)); }

  // From the callback for a head.
  void setBodyNeeds(const BodyNeeds& needs) {
    const weir_body_needs raw{sizeof raw, static_cast<uint32_t>(needs.request),
                              static_cast<uint32_t>(needs.response), needs.collect_limit_bytes};
    api().set_body_needs(stream_, &raw);
  }
  void holdRequestHead() { api().hold_head(stream_, WEIR_REQUEST); }
  void holdResponseHead() { api().hold_head(stream_, WEIR_RESPONSE); }
  void forgetRequestLength() { api().forget_length(stream_, WEIR_REQUEST); }
  void forgetResponseLength() { api().forget_length(stream_, WEIR_RESPONSE); }
  // From the callback for a head that said end_stream, or for trailers.
  void addRequestBody(Buffer body) { api().add_body(stream_, WEIR_REQUEST, body.handle()); }
  void addResponseBody(Buffer body) { api().add_body(stream_, WEIR_RESPONSE, body.handle()); }

  // The settings of the stream's route for this filter; null: none. R as in httpFilter<F, C, W, R>.
  template <class R>
  const R* routeConfig() {
    const void* const config = api().route_config(stream_);
    return config == nullptr ? nullptr : &detail::configOf<R>(config);
  }
  void clearRoute() { api().clear_route(stream_); }
  void overrideHost(std::string_view endpoint) { api().override_host(stream_, str(endpoint)); }
  bool setMetadata(std::string_view name_space, std::string_view key, std::string_view text) {
    return setMetadata(name_space, key, {WEIR_VALUE_TEXT, 0, 0, str(text)});
  }
  bool setMetadata(std::string_view name_space, std::string_view key, double number) {
    return setMetadata(name_space, key, {WEIR_VALUE_NUMBER, 0, number, {}});
  }

  // Timers and calls of this stream.
  Scope& scope() {
    if (!scope_) {
      scope_.emplace(api().scope(stream_),
                     [stream = stream_](std::string_view what) { api().fail(stream, str(what)); });
    }
    return *scope_;
  }
  [[nodiscard]] Timer timer(std::function<void()> fire) { return scope().timer(std::move(fire)); }
  [[nodiscard]] Call call(const CallRequest& request, std::function<void(const CallResponse&)> done,
                          std::string* error = nullptr) {
    return scope().call(request, std::move(done), error);
  }
  // For other threads: runs task(Filter&) here while the filter is there.
  template <class Filter>
  [[nodiscard]] Ticket<Filter> ticket();

  weir_http_stream* handle() const { return stream_; }
  weir_loop* loop() const { return loop_; }
  void end() {
    if (scope_) scope_->end();
  }

 private:
  static const weir_http_api& api() { return *host().http; }
  Headers headers(uint32_t which) const { return Headers(api().headers(stream_, which)); }
  bool setMetadata(std::string_view name_space, std::string_view key, const weir_value& value) {
    return api().set_metadata(stream_, str(name_space), str(key), &value) != 0;
  }

  weir_http_stream* stream_;
  weir_loop* loop_;
  std::optional<Scope> scope_;
};

namespace detail {

// A filter's state as Weir keeps it.
template <class F>
struct FilterState {
  Stream stream;
  F filter;

  template <class W>
  FilterState(W& worker, weir_http_stream* handle,
              weir_loop* loop) requires std::constructible_from<F, W&, Stream&>
      : stream(handle, loop), filter(worker, stream) {}
  template <class W>
  FilterState(W& worker, weir_http_stream* handle,
              weir_loop* loop) requires(!std::constructible_from<F, W&, Stream&> &&
                                        std::constructible_from<F, W&>)
      : stream(handle, loop), filter(worker) {}
  template <class W>
  FilterState(W&, weir_http_stream* handle,
              weir_loop* loop) requires(!std::constructible_from<F, W&, Stream&> &&
                                        !std::constructible_from<F, W&>)
      : stream(handle, loop), filter() {}
};

inline void failStream(weir_http_stream* stream, std::string_view what) {
  host().http->fail(stream, str(what));
}

// Calls a member of the filter that answers with a verdict; one that throws fails the stream.
template <class F, class Body>
int32_t verdictOf(void* state, weir_http_stream* stream, Body&& body) noexcept {
  auto verdict = Verdict::kPause;
  contain([&] { verdict = body(static_cast<FilterState<F>*>(state)->filter); },
          [&](std::string_view what) { failStream(stream, what); });
  return static_cast<int32_t>(verdict);
}

// The functions of one filter class; those for which it has no member are NULL.
template <class F, class C, class W>
struct HttpGlue {
  using Worker = WorkerOf<C, W>;
  using State = FilterState<F>;
  static_assert(sizeof(State) <= 65536, "a filter's state is at most 64 KiB");
  static_assert(alignof(State) <= alignof(std::max_align_t));

  static int32_t create(void* worker, weir_http_stream* stream, void* state) noexcept {
    auto& from = *static_cast<Worker*>(worker);
    bool made = false;
    contain(
        [&] {
          new (state) State(from.value, stream, from.loop.handle());
          made = true;
        },
        [&](std::string_view what) { failStream(stream, what); });
    return made ? 1 : 0;
  }
  static void end(void* state, weir_http_stream*) noexcept {
    auto* const object = static_cast<State*>(state);
    object->stream.end();
    contain(
        [&] {
          if constexpr (requires(F & f) { f.onEnd(); }) object->filter.onEnd();
        },
        [&](std::string_view what) { fault(what); });
    object->~State();
  }
  static void bodyNeeds(void* worker, weir_body_needs* out) noexcept {
    BodyNeeds needs;
    if constexpr (requires { F::kBodyNeeds; }) {
      needs = F::kBodyNeeds;
    } else if constexpr (requires(Worker & w) { F::bodyNeeds(w.value); }) {
      contain([&] { needs = F::bodyNeeds(static_cast<Worker*>(worker)->value); },
              [&](std::string_view what) { fault(what); });
    }
    out->request = static_cast<uint32_t>(needs.request);
    out->response = static_cast<uint32_t>(needs.response);
    out->collect_limit_bytes = needs.collect_limit_bytes;
  }

  static int32_t requestHead(void* state, weir_http_stream* s, int32_t end) noexcept {
    return verdictOf<F>(state, s, [&](F& f) {
      return f.onRequestHead(Headers(host().http->headers(s, WEIR_REQUEST_HEADERS)), end != 0);
    });
  }
  static int32_t requestBody(void* state, weir_http_stream* s, weir_buffer* b,
                             int32_t end) noexcept {
    return verdictOf<F>(state, s, [&](F& f) { return f.onRequestBody(Buffer(b), end != 0); });
  }
  static int32_t requestTrailers(void* state, weir_http_stream* s) noexcept {
    return verdictOf<F>(state, s, [&](F& f) {
      return f.onRequestTrailers(Headers(host().http->headers(s, WEIR_REQUEST_TRAILERS)));
    });
  }
  static int32_t informational(void* state, weir_http_stream* s) noexcept {
    return verdictOf<F>(state, s, [&](F& f) {
      return f.onInformational(Headers(host().http->headers(s, WEIR_RESPONSE_HEADERS)));
    });
  }
  static int32_t responseHead(void* state, weir_http_stream* s, int32_t end) noexcept {
    return verdictOf<F>(state, s, [&](F& f) {
      return f.onResponseHead(Headers(host().http->headers(s, WEIR_RESPONSE_HEADERS)), end != 0);
    });
  }
  static int32_t responseBody(void* state, weir_http_stream* s, weir_buffer* b,
                              int32_t end) noexcept {
    return verdictOf<F>(state, s, [&](F& f) { return f.onResponseBody(Buffer(b), end != 0); });
  }
  static int32_t responseTrailers(void* state, weir_http_stream* s) noexcept {
    return verdictOf<F>(state, s, [&](F& f) {
      return f.onResponseTrailers(Headers(host().http->headers(s, WEIR_RESPONSE_TRAILERS)));
    });
  }

  static weir_http_filter describe(const KindOptions& options) {
    weir_http_filter raw{};
    raw.kind = kindOf<C, W>(WEIR_HTTP_FILTER, sizeof raw, options);
    raw.state_size = sizeof(State);
    raw.state_align = alignof(State);
    raw.create = create;
    raw.on_end = end;
    raw.body_needs = bodyNeeds;
    if constexpr (requires(F & f) { f.onRequestHead(Headers(), true); }) {
      raw.on_request_head = requestHead;
    }
    if constexpr (requires(F & f, Buffer b) { f.onRequestBody(b, true); }) {
      raw.on_request_body = requestBody;
    }
    if constexpr (requires(F & f) { f.onRequestTrailers(Headers()); }) {
      raw.on_request_trailers = requestTrailers;
    }
    if constexpr (requires(F & f) { f.onInformational(Headers()); }) {
      raw.on_informational = informational;
    }
    if constexpr (requires(F & f) { f.onResponseHead(Headers(), true); }) {
      raw.on_response_head = responseHead;
    }
    if constexpr (requires(F & f, Buffer b) { f.onResponseBody(b, true); }) {
      raw.on_response_body = responseBody;
    }
    if constexpr (requires(F & f) { f.onResponseTrailers(Headers()); }) {
      raw.on_response_trailers = responseTrailers;
    }
    return raw;
  }
};

}  // namespace detail

template <class Filter>
Ticket<Filter> Stream::ticket() {
  return Ticket<Filter>(
      host().ticket_create(scope().handle()), [](void* owner) -> typename Ticket<Filter>::Found {
        auto* const state = static_cast<detail::FilterState<Filter>*>(owner);
        return {&state->filter, state->stream.handle(), [](void* stream, std::string_view what) {
                  detail::failStream(static_cast<weir_http_stream*>(stream), what);
                }};
      });
}

// An HTTP filter. Filter is a class with those of these members that it cares for:
//   Verdict onRequestHead(Headers, bool end_stream);    Verdict onResponseHead(Headers, bool);
//   Verdict onRequestBody(Buffer, bool end_stream);     Verdict onResponseBody(Buffer, bool);
//   Verdict onRequestTrailers(Headers);                 Verdict onResponseTrailers(Headers);
//   Verdict onInformational(Headers);                   void onEnd();
//   static constexpr BodyNeeds kBodyNeeds, or static BodyNeeds bodyNeeds(Worker&)
// made for each stream by Filter(Worker&, Stream&), Filter(Worker&) or Filter(). Settings are made
// of the configuration by Settings(Config&), on the main thread, and read by all workers. A Worker,
// when there is one, is made by Worker(const Settings&, Loop&) on each worker; else the settings
// stand for it (const Settings&). Route has what a route may say for the filter, by Route(Config&);
// see Stream::routeConfig.
template <class Filter, class Settings = NoConfig, class Worker = void, class Route = void>
const weir_kind* httpFilter(const KindOptions& options) {
  weir_http_filter raw = detail::HttpGlue<Filter, Settings, Worker>::describe(options);
  if constexpr (std::same_as<Settings, NoConfig>) {
    raw.kind.config_create = [](void*, const weir_config* config, weir_report* report) -> void* {
      Config source(config, report);
      if (!source.message().empty()) source.error({}, "takes no configuration", "leave it empty");
      return detail::createConfig<NoConfig>(nullptr, config, report);
    };
  }
  if constexpr (!std::is_void_v<Route>) raw.route_config_create = detail::createConfig<Route>;
  return detail::keepKind(raw);
}

// ---- the plugin
// -----------------------------------------------------------------------------------

namespace detail {

inline const weir_plugin* describe(const weir_host* host, weir_report* report,
                                   std::string_view name, std::string_view version,
                                   std::vector<const weir_kind*> (*make)()) noexcept {
  // Of another major version only the first members are where we think.
  if (host->abi_major != WEIR_PLUGIN_ABI_MAJOR || host->abi_minor + 1 < WEIR_PLUGIN_ABI_MINOR + 1 ||
      host->size < sizeof(weir_host)) {
    static weir_plugin refused{};
    refused.size = sizeof refused;
    refused.abi_major = WEIR_PLUGIN_ABI_MAJOR;
    refused.abi_minor = WEIR_PLUGIN_ABI_MINOR;
    return &refused;  // Weir says what does not fit
  }
  the_host = host;
  static std::vector<const weir_kind*> kinds;
  static weir_plugin plugin{};
  contain(
      [&] {
        kinds = make();
        plugin.size = sizeof plugin;
        plugin.abi_major = WEIR_PLUGIN_ABI_MAJOR;
        plugin.abi_minor = WEIR_PLUGIN_ABI_MINOR;
        plugin.kind_count = static_cast<uint32_t>(kinds.size());
        plugin.name = str(name);
        plugin.version = str(version);
        plugin.kinds = kinds.data();
      },
      [&](std::string_view what) { host->report(report, {}, str(what), {}); });
  return &plugin;
}

}  // namespace detail
}  // namespace weir::sdk

// Defines what the plugin exports. `name` and `version` are texts; then one or more kinds, as
// weir::sdk::httpFilter<…>("name") makes them.
#define WEIR_PLUGIN(name, version, ...)                                                          \
  extern "C" WEIR_PLUGIN_EXPORT const weir_plugin* weir_plugin_entry(const weir_host* host,      \
                                                                     weir_report* report) {      \
    return ::weir::sdk::detail::describe(                                                        \
        host, report, name, version, [] { return std::vector<const weir_kind*>{__VA_ARGS__}; }); \
  }

#endif  // WEIR_PLUGIN_PLUGIN_HPP_
