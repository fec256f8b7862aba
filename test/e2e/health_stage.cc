#include "test/e2e/health_stage.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <set>
#include <utility>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/raw_connection.h"

namespace weir::test {

bool longTests() {
  return std::getenv("WEIR_LONG") != nullptr;
}

// --- HealthOrigin ---

HealthOrigin::HealthOrigin(std::string name) : name_(std::move(name)) {
  start();
}

std::string HealthOrigin::entry(const std::string& fields) const {
  return "endpoints { id: \"" + name_ + "\" address: \"" + address() + "\" " + fields + " } ";
}

void HealthOrigin::start() {
  process_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{dataFile("test/e2e/health_origin"), std::to_string(port_), name_});
  ASSERT_TRUE(process_->waitForOutput("\n")) << process_->err();
  port_ = static_cast<uint16_t>(std::atoi(process_->out().substr(5).c_str()));
}

void HealthOrigin::kill() {
  process_->signal(SIGKILL);
  process_->wait();
  process_.reset();
}

void HealthOrigin::hang() {
  process_->signal(SIGSTOP);
}

void HealthOrigin::resume() {
  process_->signal(SIGCONT);
}

void HealthOrigin::set(const Manner& manner) {
  ask("/set/" + std::to_string(manner.status) + "/" + std::to_string(manner.health) + "/" +
      std::to_string(manner.fails) + "/" + std::to_string(manner.delay.count()));
}

int64_t HealthOrigin::count() const {
  return std::atoll(ask("/count").c_str());
}

std::string HealthOrigin::ask(const std::string& path) const {
  RawConnection connection = RawConnection::connectTo(port_);
  connection.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n");
  const RawMessage answer = connection.readMessage();
  EXPECT_TRUE(answer.complete) << name_ << path;
  return answer.body;
}

std::vector<std::unique_ptr<HealthOrigin>> healthOrigins(const std::string& names) {
  std::vector<std::unique_ptr<HealthOrigin>> origins;
  for (const char name : names)
    origins.push_back(std::make_unique<HealthOrigin>(std::string{name}));
  return origins;
}

std::string entries(const std::vector<std::unique_ptr<HealthOrigin>>& origins) {
  std::string text;
  for (const auto& origin : origins) text += origin->entry();
  return text;
}

// --- Load ---

Load::Load(uint16_t port, Options options)
    : options_(options),
      stopped_(::eventfd(0, EFD_CLOEXEC)),
      answers_of_(static_cast<size_t>(options.clients)) {
  for (size_t i = 0; i < answers_of_.size(); ++i) {
    threads_.emplace_back([this, port, i] { run(port, i); });
  }
}

Load::~Load() {
  stop();
}

std::vector<Answer> Load::stop() {
  const uint64_t one = 1;
  EXPECT_EQ(::write(stopped_.get(), &one, sizeof one), ssize_t{sizeof one});
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  std::vector<Answer> all;
  for (std::vector<Answer>& answers : answers_of_) {
    std::move(answers.begin(), answers.end(), std::back_inserter(all));
    answers.clear();
  }
  std::sort(all.begin(), all.end(),
            [](const Answer& a, const Answer& b) { return a.sent < b.sent; });
  return all;
}

bool Load::more(int count) {
  const int goal = answers_ + count;
  return eventually([&] { return answers_ >= goal; }, std::chrono::seconds(60));
}

bool Load::pause(Clock::time_point due) {
  const auto left = std::chrono::ceil<milliseconds>(due - Clock::now());
  pollfd stop{.fd = stopped_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&stop, 1, static_cast<int>(std::max<int64_t>(left.count(), 0))) == 0;
}

void Load::run(uint16_t port, size_t client) {
  // They do not ask in step.
  Clock::time_point due =
      Clock::now() + options_.pause * static_cast<int>(client) / options_.clients;
  std::optional<RawConnection> connection;
  while (pause(due)) {
    Answer answer{.sent = Clock::now(), .done = {}};
    if (!connection || options_.new_connections) connection = RawConnection::connectTo(port);
    connection->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const RawMessage response = connection->readMessage();
    answer.done = Clock::now();
    if (response.complete) {
      answer.status = response.status();
      answer.origin = answer.status == 200 ? response.body : "";
    }
    if (!response.complete || response.header("connection") == "close") connection.reset();
    ++answers_;
    if (answer.status != 200) ++failures_;
    answers_of_[client].push_back(std::move(answer));
    due = std::max(due + options_.pause, Clock::now());
  }
}

std::vector<Answer> between(const std::vector<Answer>& answers, Clock::time_point from,
                            Clock::time_point to) {
  std::vector<Answer> found;
  std::copy_if(answers.begin(), answers.end(), std::back_inserter(found),
               [&](const Answer& each) { return each.sent >= from && each.sent < to; });
  return found;
}

int failuresOf(const std::vector<Answer>& answers) {
  return static_cast<int>(std::count_if(answers.begin(), answers.end(),
                                        [](const Answer& each) { return each.status != 200; }));
}

std::map<std::string, int> sharesOf(const std::vector<Answer>& answers) {
  std::map<std::string, int> shares;
  for (const Answer& each : answers) {
    if (each.status == 200) ++shares[each.origin];
  }
  return shares;
}

// --- EventWatch ---

void EventWatch::fetch(milliseconds wait) {
  RawConnection admin = RawConnection::connectTo(port_);
  admin.send("GET /events?limit=10000&since=" + std::to_string(last_) + "&wait=" +
             std::to_string(wait.count()) + "ms HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const RawMessage answer = admin.readMessage();
  const auto told = nlohmann::json::parse(answer.body, nullptr, false);
  ASSERT_TRUE(told.is_object()) << answer.start_line << " " << answer.body;
  for (const auto& event : told["events"]) {
    const auto text = [&](const char* name) { return event.value(name, std::string()); };
    events_.push_back({.kind = text("kind"),
                       .endpoint = text("endpoint"),
                       .from = text("from"),
                       .to = text("to"),
                       .cause = text("cause"),
                       .seen = Clock::now()});
  }
  last_ = told.value("last", uint64_t{0});
}

std::optional<EventWatch::Event> EventWatch::next(const Wanted& wanted, milliseconds limit) {
  const auto end = Clock::now() + limit;
  for (;;) {
    while (looked_at_ < events_.size()) {
      if (wanted(events_[looked_at_++])) return events_[looked_at_ - 1];
    }
    const auto left = std::chrono::ceil<milliseconds>(end - Clock::now());
    if (left.count() <= 0 || ::testing::Test::HasFatalFailure()) return std::nullopt;
    fetch(std::min(left, milliseconds(5'000)));
  }
}

std::optional<EventWatch::Event> EventWatch::becomes(const std::string& endpoint,
                                                     const std::string& to, milliseconds limit) {
  return next([&](const Event& event) { return event.endpoint == endpoint && event.to == to; },
              limit);
}

const std::vector<EventWatch::Event>& EventWatch::all() {
  fetch(milliseconds(0));
  return events_;
}

// --- Stage ---

namespace {

std::string listenerOf(const Stage::Options& options) {
  if (options.listener == "tcp_proxy") {
    return R"(listeners { name: "edge" address: "127.0.0.1:0" filter_chains { filters {
      config { [network_filters/tcp_proxy] { cluster: "origin" } } } } }
)";
  }
  return edgeListener(
      "access_logs { config { [access_loggers/stdout] { format: "
      "\"%RESPONSE_CODE%:%RESPONSE_FLAGS%:%RESPONSE_CODE_DETAILS%:%UPSTREAM_REQUEST_ATTEMPT_COUNT%;"
      "\\n\" } } }",
      "routes { route { cluster: \"origin\" " + options.route + " } }");
}

}  // namespace

Stage::Stage(const Options& options) : origins_(healthOrigins(options.origins)) {
  weir_ = std::make_unique<WeirProcess>(listenerOf(options) + "clusters { name: \"origin\" " +
                                        entries(origins_) + options.cluster + " }\n" +
                                        options.more + runtime(2));
  EXPECT_NE(port(), 0) << weir_->process().err();
  events_ = std::make_unique<EventWatch>(*weir_);
}

HealthOrigin& Stage::origin(char name) {
  for (const auto& origin : origins_) {
    if (origin->name()[0] == name) return *origin;
  }
  ADD_FAILURE() << "no origin " << name;
  return *origins_[0];
}

bool Stage::ready() {
  std::set<std::string> missing;
  for (const auto& origin : origins_) missing.insert(origin->name());
  return events_
      ->next(
          [&](const EventWatch::Event& event) {
            if (event.to == "healthy") missing.erase(event.endpoint);
            return missing.empty();
          },
          milliseconds(20'000))
      .has_value();
}

int Stage::operate(const std::string& word, const std::string& endpoint) {
  RawConnection admin = RawConnection::connectTo(weir_->adminPort());
  admin.send("POST /endpoints/" + word + "?cluster=origin&endpoint=" + endpoint +
             " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  return admin.readMessage().status();
}

void letPass(milliseconds time) {
  ::poll(nullptr, 0, static_cast<int>(time.count()));
}

std::string checks(bool quick, const std::string& config) {
  const std::string times = quick ? " interval { nanos: 300000000 } timeout { nanos: 200000000 } "
                                    "confirm_interval { nanos: 100000000 }"
                                  : "";
  return "health_checks { config { " + config + " }" + times + " } ";
}

std::string retryOnEverything(const std::string& per_try_seconds) {
  return "retry { retry_on: CONNECT_FAILURE retry_on: RESET_BEFORE_ANSWER "
         "retry_on: SERVER_ERROR max_retries: 3 per_try_timeout { " +
         per_try_seconds + " } } ";
}

// --- What is shown ---

Shown sumUp(Load& load, std::string scenario, std::string retries, Clock::time_point fault,
            const std::optional<EventWatch::Event>& found) {
  const std::vector<Answer> answers = load.stop();
  const auto end = Clock::time_point::max();
  // Events may be seen before the workers have got round to it on a busy machine.
  constexpr milliseconds kUntilWorkersKnow{50};
  const auto border = found ? found->seen + kUntilWorkersKnow : end;
  return {.scenario = std::move(scenario),
          .retries = std::move(retries),
          .detected =
              found ? std::optional(std::chrono::duration_cast<milliseconds>(found->seen - fault))
                    : std::nullopt,
          .answers = static_cast<int>(answers.size()),
          .failed_before = failuresOf(between(answers, Clock::time_point::min(), border)),
          .failed_after = failuresOf(between(answers, border, end))};
}

void showHead() {
  std::printf("%-34s %-10s %12s %9s %14s %13s\n", "scenario", "retries", "detected, ms", "requests",
              "failed before", "failed after");
}

void show(const Shown& row) {
  const std::string detected =
      row.detected ? std::to_string(row.detected->count()) : std::string("-");
  std::printf("%-34s %-10s %12s %9d %14d %13d\n", row.scenario.c_str(), row.retries.c_str(),
              detected.c_str(), row.answers, row.failed_before, row.failed_after);
  std::fflush(stdout);
}

}  // namespace weir::test
