// A filter that does what the request's field "do" says; see http_filter_test.cc.
#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <weir/plugin/plugin.hpp>

namespace sdk = weir::sdk;
using sdk::Verdict;

namespace {

// Threads of the plugin's own, which continue streams; joined when the process ends.
class Threads {
 public:
  ~Threads() {
    for (std::thread& thread : threads_) thread.join();
  }
  template <class Task>
  void run(Task task) {
    const std::lock_guard lock(mutex_);
    threads_.emplace_back(std::move(task));
  }

 private:
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

Threads& threads() {
  static Threads all;
  return all;
}

struct Settings {
  explicit Settings(sdk::Config& config) : text(config.whole()) {
    if (text == "refuse") config.error("text", "is refused", "say something else");
    if (text == "throw") throw std::runtime_error("cannot read that");  // check: allow(banned)
  }
  std::string text;
};

struct Worker {
  Worker(const Settings& settings, sdk::Loop& loop)
      : text(settings.text),
        streams(loop.counter("exercised", {{"by", "test"}})),
        dictionary(loop.dictionary("shared")) {}
  std::string text;
  sdk::Counter streams;
  sdk::Dictionary dictionary;
};

class Exercise {
 public:
  Exercise(Worker& worker, sdk::Stream& stream) : worker_(worker), stream_(stream) {
    worker_.streams.add();
    if (stream.requestHeaders().value("do") == "throw-at-birth") fail("at birth");
  }

  static sdk::BodyNeeds bodyNeeds(Worker& worker) {
    const auto mode = worker.text == "collect" ? sdk::BodyMode::kCollect : sdk::BodyMode::kStream;
    return {.request = mode, .response = sdk::BodyMode::kStream, .collect_limit_bytes = 100};
  }

  Verdict onRequestHead(sdk::Headers head, bool) {
    todo_ = head.value("do");
    head.set("x-text", worker_.text);
    if (todo_ == "throw") fail("at the head");
    if (todo_ == "reply") return reply(418);
    if (todo_ == "thread") return continueFromThread();
    if (todo_ == "abandon") return abandonToThread();
    if (todo_ == "timer") return wait();
    if (todo_ == "call") return ask(head);
    if (todo_ == "reset") stream_.reset("exercise");
    if (todo_ == "count") count(head);
    if (todo_ == "facts") facts(head);
    if (todo_ == "headers") headers(head);
    if (const Settings* route = stream_.routeConfig<Settings>()) head.set("x-route", route->text);
    return todo_ == "reset" ? Verdict::kPause : Verdict::kContinue;
  }
  Verdict onRequestBody(sdk::Buffer body, bool end_stream) {
    if (todo_ == "throw-body") fail("in the body");
    if (todo_ == "upper") {
      std::string text = body.string();
      for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
      body.replace(text);
    }
    if (todo_ == "append" && end_stream) body.append("!");
    return Verdict::kContinue;
  }
  Verdict onResponseHead(sdk::Headers head, bool) {
    head.set("x-exercised", todo_);
    if (todo_ == "append") stream_.forgetResponseLength();
    return Verdict::kContinue;
  }
  Verdict onResponseBody(sdk::Buffer body, bool end_stream) {
    if (todo_ == "append" && end_stream) body.append("?");
    return Verdict::kContinue;
  }
  void onEnd() {
    if (todo_ == "throw-end") fail("at the end");
  }

 private:
  [[noreturn]] static void fail(const char* where) {
    throw std::runtime_error(std::string("exercise: ") + where);  // check: allow(banned)
  }
  Verdict reply(uint32_t status) {
    stream_.reply({.status = status,
                   .body = "short and stout",
                   .content_type = "text/teapot",
                   .fields = {{"x-reply", "yes"}, {"content-length", "3"}},
                   .detail = "teapot"});
    return Verdict::kPause;
  }
  Verdict continueFromThread() {
    threads().run([ticket = stream_.ticket<Exercise>()] {
      ticket.post([](Exercise& filter) {
        filter.stream_.requestHeaders().set("x-thread", "yes");
        filter.stream_.resumeRequest();
      });
    });
    return Verdict::kPause;
  }
  // The stream ends at once; the thread comes when it has gone.
  Verdict abandonToThread() {
    threads().run([ticket = stream_.ticket<Exercise>()] {
      for (int i = 0; i < 1000; ++i) {
        ticket.post([](Exercise& filter) { filter.stream_.resumeRequest(); });
      }
    });
    return reply(410);
  }
  Verdict wait() {
    timer_ = stream_.timer([this] {
      if (++fired_ < 3) return timer_.arm(std::chrono::milliseconds(1));
      stream_.requestHeaders().set("x-fired", std::to_string(fired_));
      stream_.resumeRequest();
    });
    timer_.arm(std::chrono::milliseconds(1));
    return Verdict::kPause;
  }
  Verdict ask(sdk::Headers head) {
    call_ = stream_.call({.cluster = head.value("cluster"), .path = "/asked", .authority = "auth"},
                         [this](const sdk::CallResponse& response) {
                           if (!response.answered()) {
                             stream_.reply({.status = 503, .body = response.error()});
                             return;
                           }
                           if (response.status() == 500) fail("in the answer");
                           stream_.requestHeaders().set("x-asked",
                                                        response.headers().value("x-answer"));
                           stream_.resumeRequest();
                         });
    return Verdict::kPause;
  }
  void count(sdk::Headers head) {
    const auto sum = worker_.dictionary.incr("requests", 1);
    head.set("x-count", sum.has_value() ? std::to_string(static_cast<int>(*sum)) : "none");
  }
  void facts(sdk::Headers head) {
    const sdk::Info info = stream_.info();
    head.set("x-peer", info.text(WEIR_TEXT_DOWNSTREAM_ADDRESS).value_or("none"));
    head.set("x-tls", info.text(WEIR_TEXT_TLS_VERSION).value_or("none"));
    head.set("x-unknown", info.text(9999).value_or("none"));
    head.set("x-version", head.value(":version"));
    stream_.setMetadata("exercise", "key", "value");
    head.set("x-metadata", info.metadata("exercise", "key").value_or("none"));
  }
  static void headers(sdk::Headers head) {
    std::string refused;
    for (const char* name : {"content-length", "Connection", "host", "bad name", ":status"}) {
      refused += head.set(name, "1") ? '1' : '0';
    }
    refused += head.set("x-bad", "a\r\nb: c") ? '1' : '0';
    refused += head.set(":path", "no slash") ? '1' : '0';
    head.add("x-many", "1");
    head.add("X-Many", "2");
    size_t seen = 0;
    for (const auto& field : head) seen += field.name == "x-many" || field.name == "X-Many";
    head.set("x-refused", refused);
    head.set("x-seen", std::to_string(seen) + std::to_string(head.values("x-many").size()));
    head.remove("x-many");
    head.set(":path", "/changed");
  }

  Worker& worker_;
  sdk::Stream& stream_;
  std::string todo_;
  sdk::Timer timer_;
  sdk::Call call_;
  int fired_ = 0;
};

// Does nothing at all.
struct Pass {
  Verdict onRequestHead(sdk::Headers, bool) { return Verdict::kContinue; }
  Verdict onResponseHead(sdk::Headers, bool) { return Verdict::kContinue; }
};

}  // namespace

WEIR_PLUGIN("exercise", "1.0", sdk::httpFilter<Exercise, Settings, Worker, Settings>("exercise"),
            sdk::httpFilter<Pass>("pass"))
