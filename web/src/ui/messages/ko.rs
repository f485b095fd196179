//! Korean. A variable never bears a particle: the noun after it does.

use super::Messages;
use crate::mistakes::Mistake;
use crate::ui::store::{Line, What};
use broker_core::event::{Event, RetentionCause, TransactionEnder};
use std::fmt::Write;

pub(super) static MESSAGES: Messages = Messages {
    language: "언어",
    other_language: "English",
    theme: "테마",
    themes: ["시스템", "밝게", "어둡게"],
    start_over: "처음부터 다시",
    start_over_asks: |topics| format!("모든 것을 지웁니다: 토픽 {topics}개와 모든 레코드, 오프셋이 사라집니다."),
    start_over_does: "모두 지우기",
    cancel: "취소",
    close: "닫기",
    help: "첫 단계 보기",
    saved: "이 브라우저에 저장됨",
    not_saved: "저장되지 않음",
    starting: "시작 중",
    healthy: |brokers| format!("브로커 {brokers}개 정상, 모든 복제본 동기화됨"),
    brokers_down: |down, all| format!("브로커 {all}개 중 {down}개가 꺼져 있습니다"),
    no_controller: "활성 컨트롤러 없음: 새로 뽑는 중입니다",
    under_replicated: |number| format!("복제본이 부족한 파티션 {number}개"),
    leaderless: |number| format!("리더 없는 파티션 {number}개"),
    under_replicated_short: |number| format!("복제본 부족 {number}개"),
    unled: |number| format!("리더 브로커가 꺼진 파티션 {number}개"),
    no_majority: "컨트롤러 없음: 메타데이터 쿼럼이 과반수를 잃었습니다",
    other_tab: "이 브라우저의 다른 탭에서 클러스터가 실행 중입니다. 그 탭을 닫거나 클러스터를 여기로 가져오십시오. 브로커에게는 정전과 같습니다.",
    given_away: "클러스터가 다른 탭으로 옮겨졌습니다.",
    take_over: "여기로 가져오기",
    tracks: ["쓰기", "복제", "읽기", "클러스터"],
    background: |number| format!("배경 {number}/s"),
    lane: "오가는 프레임",
    one_of: |number| format!("{number}개 중 1"),
    frame: "프레임",
    request: "요청",
    response: "응답",
    from: "보낸 쪽",
    to: "받는 쪽",
    this_page: "이 페이지",
    frame_size: "바이트",
    answered_after: "응답까지",
    frame_hint: "프레임이 지나갈 때 스위치가 읽은 내용입니다. 바이트 자체는 그대로 전달되며 남겨 두지 않습니다.",
    show: "보기",
    pause: "멈춤",
    go_on: "계속",
    slowed: "400 ms로 늦춤",
    slowed_why: "프레임은 실제 순서대로, 하나를 400 ms 동안 그립니다. 실제로는 1 ms도 걸리지 않습니다.",
    producers: "프로듀서",
    topic: "토픽",
    key: "키",
    value: "값",
    headers: "헤더",
    headers_hint: "한 줄에 이름=값",
    partition: "파티션",
    automatic: "자동",
    count: "개수",
    rate: "초당",
    send: "보내기",
    sending: "acks 대기 중",
    end_producer: "멈추기",
    more: "더 보기",
    acknowledged: |acknowledged, failed, outstanding| {
        let mut text = format!("확인됨 {acknowledged}");
        if outstanding > 0 {
            let _ = write!(text, ", 전송 중 {outstanding}");
        }
        if failed > 0 {
            let _ = write!(text, ", 실패 {failed}");
        }
        text
    },
    produced: |partitions| match partitions {
        [] => "보냈습니다. acks=0은 응답을 받지 않습니다".to_owned(),
        [(partition, 1, last)] => format!("파티션 {partition}, 오프셋 {last}"),
        all => {
            let each =
                all.iter().map(|(partition, count, _)| format!("파티션 {partition}에 {count}개")).collect::<Vec<_>>();
            format!("레코드 {}개: {}", all.iter().map(|(_, count, _)| count).sum::<u32>(), each.join(", "))
        }
    },
    partitions: "파티션",
    broker: |id| format!("브로커 {id}"),
    active_controller: "활성 컨트롤러",
    controller_short: "ctrl",
    kill: "강제 종료",
    stop: "정상 종료",
    start: "시작",
    power_off: "전원 끄기",
    up: "실행 중",
    fenced: "fenced",
    stopping: |leaders| format!("종료 중: 옮길 리더 {leaders}개"),
    stopped: "종료됨",
    killed: "강제 종료됨",
    notice_in: |tenths| format!("{}.{}초 뒤 다른 브로커가 알아챕니다", tenths / 10, tenths % 10),
    powered_off: "전원 꺼짐",
    failed: "실패",
    add_broker: "+ 브로커",
    add_topic: "+ 토픽",
    add_consumer: "+ 컨슈머",
    add_producer: "+ 프로듀서",
    filter_topics: "토픽 찾기",
    topics_shown: |shown, all| format!("{all}개 중 {shown}개"),
    fold: "접기",
    unfold: "펼치기",
    no_topic: "아직 토픽이 없습니다. 토픽은 파티션으로 나뉜 로그입니다.",
    topic_line: |partitions, replication, records| format!("파티션 {partitions}개 · RF {replication} · {records}"),
    counted: |(number, are_records)| format!("{} {number}개", if are_records { "레코드" } else { "오프셋" }),
    internal_line: |topics, partitions| format!("내부: {topics} (파티션 {partitions}개)"),
    legend: [
        "리더",
        "동기화됨",
        "ISR 밖",
        "꺼짐, 마지막으로 본 상태",
        "high watermark: 컨슈머는 여기까지 읽습니다",
        "색 = 키",
    ],
    leader: "리더",
    in_sync: "동기화됨",
    out_of_sync: "ISR 밖",
    down: "꺼짐",
    no_leader: "리더 없음",
    replica_label: |state, end, high_watermark| format!("{state}, end {end}, high watermark {high_watermark}"),
    lag: |lag| format!("lag {lag}"),
    idle: "대기",
    idle_why: "대기: 멤버가 파티션보다 많습니다",
    joins: "참여 중",
    joins_why: "모든 멤버가 다시 참여할 때까지 기다린 뒤 파티션을 나눕니다.",
    member_gone: "사라짐",
    session_ends: |seconds| format!("{seconds}초 뒤 세션 종료"),
    waits_for_quota: |seconds| format!("할당량 때문에 {seconds}초 더 대기"),
    gone_why: "알리지 않고 사라진 멤버입니다. 세션이 끝날 때까지(session.timeout.ms) 그룹에 자리가 남습니다.",
    nobody: "없음",
    alone: "단독",
    more_groups: |number| format!("그룹 +{number}"),
    show_more: |number| format!("정상 {number}개 더 보기"),
    inspector: "살펴보기",
    stop_kill_hint: "정상 종료는 리더를 넘긴 뒤 끝냅니다(SIGTERM). 강제 종료는 바로 사라지며, 세션이 끝나야 다른 브로커가 알아챕니다(kill -9).",
    power_hint: "바로 사라지고, 아직 저장되지 않은 것은 잃습니다. 이 플레이그라운드의 flush 설정에서는 확인된 레코드를 잃지 않지만 Kafka 기본값에서는 잃을 수 있습니다.",
    properties_hint: |path| format!("마지막으로 시작할 때 쓴 설정입니다. 다음에는 그때의 {path} 파일로 시작합니다."),
    edit_file: "파일 편집",
    download: "내려받기",
    wipe: "디스크 지우기",
    wipe_asks: |replicas, records, size| {
        format!(
            "디스크의 복제본 {replicas}개, {records}, {size} 데이터가 사라집니다. 다른 브로커에 있는 것은 다시 받습니다."
        )
    },
    danger: "위험한 작업",
    role: "역할",
    leads: "리더인 파티션",
    follows: "팔로워인 파티션",
    stored: "저장 크기",
    name: "이름",
    create: "토픽 만들기",
    creating: "컨트롤러 응답 대기 중",
    configs: "설정 (key=value key=\"a b\" …)",
    raise: "파티션 수(늘리기만 가능)",
    raise_does: "바꾸기",
    delete_topic: "토픽 지우기",
    delete_asks: |records| format!("{records}가 사라집니다."),
    group: "그룹",
    groups: "그룹",
    members: "멤버",
    member: "멤버",
    committed: "커밋",
    consumer: |number| format!("컨슈머 c{number}"),
    producer: |number| format!("프로듀서 p{number}"),
    not_produced_yet: "아직 보낸 것이 없습니다.",
    acknowledged_name: "확인됨",
    under_way: "전송 중",
    group_hint: "비우면 단독으로 모든 파티션을 읽습니다",
    from_beginning: "처음",
    from_latest: "최신",
    start_at: "커밋된 오프셋이 없을 때 시작 위치",
    received: "받은 레코드",
    nothing_received: "아직 없습니다.",
    remove_consumer: "컨슈머 빼기",
    state: "상태",
    gone: "사라졌습니다.",
    intro: ["이 탭 안의 진짜 Kafka", "설치할 것이 없고, 데이터는 이 브라우저를 떠나지 않습니다."],
    step_titles: ["토픽 만들기", "레코드 10개 보내기", "그룹으로 읽기", "리더 강제 종료"],
    step_hints: [
        "토픽은 파티션으로 나뉜 로그이고, 브로커들이 파티션의 복제본을 가집니다.",
        "키가 같으면 같은 파티션에 쌓입니다.",
        "파티션 하나는 그룹의 컨슈머 하나만 읽습니다.",
        "다른 복제본이 리더가 되고, 확인된 레코드는 사라지지 않습니다.",
    ],
    step_buttons: [
        |_| "first-topic 만들기".to_owned(),
        |topic| format!("{topic} 토픽에 레코드 10개 보내기"),
        |topic| format!("group1에 {topic} 컨슈머 넣기"),
        |what| format!("강제 종료: {what}"),
    ],
    transaction_marker: "트랜잭션의 끝",
    step_first: "먼저 토픽이 필요합니다.",
    a_leader: "리더",
    victim: |id, partition| format!("브로커 {id}번({partition} 파티션의 리더)"),
    created: |topic, partitions, copies| format!("{topic}: 파티션 {partitions}개, 복제본 {copies}개씩."),
    group_reads: |received| format!("레코드 {received}개를 받았습니다."),
    leads_now: |partition, leader| format!("이제 브로커 {leader}번이 {partition} 파티션의 리더입니다."),
    start_dead: "꺼진 브로커를 시작하면 따라잡습니다.",
    done: "완료",
    close_steps: "단계 닫기",
    events: "이벤트",
    dock: "이벤트와 레코드",
    terminal: "터미널",
    new_terminal: "새 터미널",
    type_here: "명령줄",
    first_command: "대부분의 튜토리얼이 시작하는 명령입니다. 누르면 실행됩니다: ",
    terminal_keys: "키",
    power_cut_ended: |command| {
        format!(
            "페이지를 다시 불러왔습니다. 이 컴퓨터에는 정전과 같습니다. 여기서 실행 중이던 명령이 끝났습니다: {command}"
        )
    },
    written: "저장됨",
    not_written: "저장되지 않음",
    write_file: "저장 (Ctrl-S)",
    must_be_set: "반드시 지정",
    unknown_key: |key| format!("Kafka 4.3에는 없는 키입니다: {key}. 경고만 나오고 아무 효과가 없습니다."),
    not_acted_on: |key| format!("{key}: 읽고 검사하지만 이 플레이그라운드에서는 동작에 영향을 주지 않습니다."),
    set_again: |key| format!("{key}: 뒤의 줄에서 다시 지정하므로 그 값이 적용됩니다."),
    copy: "복사",
    run_in_terminal: "터미널에서 실행",
    records: "레코드",
    no_events: "아직 아무 일도 없습니다.",
    new_lines: |number| format!("↓ 새 이벤트 {number}개"),
    collapse: "접기",
    maximize: "크게",
    offset: "오프셋",
    offsets: "오프셋 수",
    time: "시각",
    newest: "최신",
    beginning: "처음부터",
    read: "읽기",
    no_records: "레코드가 없습니다.",
    choose_topic: "먼저 토픽을 만드십시오. 여기에서 레코드를 읽습니다.",
    stage: "무대",
    grid: "브로커와 그룹별 파티션",
    older: "← 이전",
    newer: "이후 →",
    follow: "따라가기",
    pin: "고정",
    see_records: "레코드 보기",
    differs: "Apache Kafka와 다른 점",
    keyboard: "단축키",
    keys: [
        ("Tab", "표 안팎으로 이동"),
        ("← ↑ ↓ →", "표 안에서 이동"),
        ("Enter", "열고 들어가기"),
        ("Esc", "닫고 돌아가기"),
        ("t  c", "표에서: 토픽, 컨슈머"),
        ("?", "이 도움말"),
    ],
    as_last_seen: "마지막으로 본 상태",
    command: "명령으로 보기",
    mistake: |mistake| match mistake {
        Mistake::ZooKeeper => {
            "ZooKeeper가 필요했던 Kafka 4 이전의 방식입니다. 이제는 브로커가 메타데이터를 직접 관리합니다(KRaft, 설정 파일의 process.roles). ZooKeeper 없는 같은 브로커 세 대:"
        }
        Mistake::OldOption => "예전 Kafka의 옵션입니다. 지금 도구는 브로커하고만 통신합니다.",
        Mistake::NoBootstrap => "브로커의 주소를 알려 주어야 합니다.",
        Mistake::NobodyListens => "그 주소에는 아무도 없습니다. 브로커의 주소:",
        Mistake::NoBroker => "그 주소에는 아무도 없습니다. 실행 중인 브로커가 없습니다. 이 페이지의 브로커 세 대:",
        Mistake::TooFewBrokers => "복제본마다 브로커가 하나씩 필요합니다. 브로커를 더 시작하거나 복제본 수를 줄이세요.",
        Mistake::Unformatted => {
            "로그 디렉터리를 아직 포맷하지 않았습니다. 다른 브로커와 함께 쓰려면 random-uuid 대신 그 클러스터의 ID를 쓰세요:"
        }
        Mistake::PortTaken => {
            "다른 프로세스가 쓰는 포트입니다. 그 프로세스를 끝내거나 listeners를 바꾸세요. 실행 중인 프로세스:"
        }
        Mistake::DirectoryTaken => {
            "다른 브로커가 쓰는 로그 디렉터리입니다. 그 브로커를 끝내거나 log.dirs를 바꾸세요. 실행 중인 프로세스:"
        }
        Mistake::OtherCluster => {
            "다른 클러스터용으로 포맷한 로그 디렉터리입니다. 그 클러스터의 ID를 쓰거나 log.dirs를 바꾸세요."
        }
        Mistake::OtherNode => "다른 node.id의 로그 디렉터리입니다. node.id를 되돌리거나 log.dirs를 바꾸세요.",
        Mistake::NoTopic => "그런 토픽이 없습니다. 있는 토픽:",
        Mistake::NotEnoughReplicas => {
            "동기화된 복제본이 min.insync.replicas보다 적습니다. 멈춘 브로커를 시작하면 레코드가 저장됩니다."
        }
        Mistake::NoTopicConfig => {
            "토픽에 그런 이름의 설정이 없습니다. 토픽 설정은 retention.ms처럼, 브로커 설정은 log.retention.ms처럼 씁니다. 토픽 이름을 넣어 모두 보려면:"
        }
        Mistake::WrongValue => "설정 이름은 맞지만 값이 맞지 않습니다. 마지막 콜론 뒤에 쓸 수 있는 값이 나옵니다.",
        Mistake::WrongBootstrap => "서버는 host:port로 쓰고, 여럿이면 쉼표로 나눕니다.",
        Mistake::NoKey => {
            "압축(compact) 토픽은 키마다 마지막 레코드를 남기므로 레코드마다 키가 있어야 합니다. key:value로 입력하려면:"
        }
        Mistake::GroupIsActive => {
            "오프셋은 읽는 컨슈머가 없을 때 바꿀 수 있습니다. 먼저 그룹의 컨슈머를 끝내세요(Ctrl-C)."
        }
        Mistake::NoFile => "그런 파일이 없습니다. 있는 파일:",
        Mistake::NoNetwork => {
            "이 컴퓨터에는 네트워크가 없고, 필요하지도 않습니다. Kafka는 ~/kafka_2.13-4.3.0에 이미 풀려 있습니다."
        }
        Mistake::NoProgram => "이 컴퓨터에 없는 프로그램입니다. 있는 프로그램:",
    },
    helps: |name| {
        Some(match name {
            "NOT_ENOUGH_REPLICAS" | "NOT_ENOUGH_REPLICAS_AFTER_APPEND" => {
                "동기화된 복제본이 min.insync.replicas보다 적습니다. 브로커를 시작하십시오."
            }
            "REQUEST_TIMED_OUT" => "제때 응답이 없었습니다. 꺼진 브로커를 확인하십시오.",
            "INVALID_REPLICATION_FACTOR" => {
                "살아 있는 브로커가 복제본 수보다 적습니다. 브로커를 시작하거나 추가하십시오."
            }
            "TOPIC_ALREADY_EXISTS" => "다른 이름을 고르십시오.",
            "INVALID_PARTITIONS" => "파티션은 늘릴 수만 있습니다. 줄이면 키의 자리가 바뀝니다.",
            "INVALID_TOPIC_EXCEPTION" => "이름에는 글자, 숫자, '.', '_', '-'만 쓰며 249자까지입니다.",
            "INVALID_CONFIG" => "어떤 설정이 어떤 값을 받는지 메시지에 나와 있습니다.",
            "INVALID_TIMESTAMP" => {
                "레코드의 시각이 브로커와 너무 다릅니다. message.timestamp.before.max.ms와 after.max.ms를 확인하십시오."
            }
            "UNKNOWN_TOPIC_OR_PARTITION" => "토픽을 만들거나 이름을 확인하십시오.",
            "NOT_CONTROLLER" | "LEADER_NOT_AVAILABLE" | "COORDINATOR_NOT_AVAILABLE" => "잠시 뒤 다시 시도하십시오.",
            _ => return None,
        })
    },
    event: say,
};

fn list(ids: &[i32]) -> String {
    format!("[{}]", ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

fn say(line: &Line) -> String {
    let node = line.who.map(|id| format!("브로커 {id}번")).unwrap_or_default();
    let controller = line.who.map(|id| format!("컨트롤러 {id}번")).unwrap_or_default();
    let event = match &line.what {
        What::Killed(id) => {
            return format!("브로커 {id}번을 강제 종료했습니다. 세션이 끝나면 다른 브로커가 알아챕니다.");
        }
        What::PoweredOff(id) => return format!("브로커 {id}번의 전원을 껐습니다. 저장되지 않은 것은 잃었습니다."),
        What::Stopping(id) => return format!("브로커 {id}번을 정상 종료합니다. 먼저 리더를 넘깁니다."),
        What::Starting(id) => return format!("브로커 {id}번을 시작합니다."),
        What::Wiped(id) => return format!("브로커 {id}번의 디스크를 지웠습니다."),
        What::Command { terminal, line } => return format!("터미널 {terminal}에서 실행: {line}"),
        What::NotTransferred { file, reason } => return format!("{file} 파일을 옮기지 못했습니다: {reason}"),
        What::Refused { broker, reason } => return format!("브로커 {broker}번이 시작하지 못했습니다: {reason}"),
        What::WorkerFailed { worker, reason } => return format!("워커 오류({worker}): {reason}"),
        What::Node(event) => event,
    };
    if let (Some(topic), true) = (line.internal_topic(), line.times > 1) {
        let number = line.times;
        return match event {
            Event::LeaderChanged { to, .. } if *to < 0 => {
                format!("{topic} 토픽의 파티션 {number}개에 리더가 없습니다. 동기화된 복제본이 남아 있지 않습니다.")
            }
            Event::LeaderChanged { .. } => {
                format!("{controller}이 {topic} 토픽의 파티션 {number}개에 다른 리더를 정했습니다.")
            }
            Event::InSyncReplicasChanged { .. } => {
                format!("{controller}이 {topic} 토픽의 파티션 {number}개에서 ISR을 바꿨습니다.")
            }
            Event::LogRecovered { .. } => format!("{node}이 {topic} 토픽의 파티션 {number}개를 복구했습니다."),
            _ => format!("{node}이 {topic} 토픽의 파티션 {number}개를 잘라 냈습니다."),
        };
    }
    match event {
        Event::Started => format!("{node}이 준비되었습니다. 로그를 복구했고 listener가 응답합니다."),
        Event::Registered { broker_epoch } => {
            format!("{node}이 컨트롤러에 등록되었습니다. broker epoch {broker_epoch}.")
        }
        Event::Unfenced => format!("{node}이 리더가 될 수 있습니다."),
        Event::ControllerElected { quorum_epoch } => {
            let id = line.who.unwrap_or(-1);
            format!("쿼럼이 노드 {id}번을 활성 컨트롤러로 뽑았습니다. quorum epoch {quorum_epoch}.")
        }
        Event::ControllerResigned { quorum_epoch } => {
            let id = line.who.unwrap_or(-1);
            format!("노드 {id}번은 더 이상 활성 컨트롤러가 아닙니다. quorum epoch {quorum_epoch}.")
        }
        Event::BrokerUnfenced { broker } if line.first_time => {
            format!("브로커 {broker}번이 메타데이터를 받아, 리더가 될 수 있습니다.")
        }
        Event::BrokerUnfenced { broker } => {
            format!("브로커 {broker}번이 메타데이터를 따라잡아, 다시 리더가 될 수 있습니다.")
        }
        Event::BrokerFenced { broker, session_expired: true } => {
            format!("브로커 {broker}번의 세션이 끝나 {controller}이 fenced 상태로 바꿨습니다.")
        }
        Event::BrokerFenced { broker, .. } => {
            format!("브로커 {broker}번이 떠나 {controller}이 fenced 상태로 바꿨습니다.")
        }
        Event::ControlledShutdown { broker } => format!("브로커 {broker}번이 종료 전에 리더를 넘깁니다."),
        Event::LeaderChanged { partition, from, to, leader_epoch, .. } => {
            let cause = line.session_ended.map(|id| format!("브로커 {id}번의 세션이 끝났습니다. ")).unwrap_or_default();
            if *to < 0 {
                return format!(
                    "{cause}{partition} 파티션에 리더가 없습니다. 동기화된 마지막 복제본은 브로커 {from}번이었습니다."
                );
            }
            format!(
                "{cause}{controller}이 브로커 {to}번을 {partition} 파티션의 리더로 정했습니다. epoch {} → {leader_epoch}.",
                leader_epoch - 1
            )
        }
        Event::InSyncReplicasChanged { partition, from, to } => {
            let gone = from.iter().filter(|id| !to.contains(id)).copied().collect::<Vec<_>>();
            let come = to.iter().filter(|id| !from.contains(id)).copied().collect::<Vec<_>>();
            match (gone.as_slice(), come.as_slice()) {
                ([id], []) => format!("{controller}이 브로커 {id}번을 {partition} 파티션의 ISR에서 뺐습니다."),
                ([], [id]) => format!("브로커 {id}번이 {partition} 파티션을 따라잡아 ISR에 들어왔습니다."),
                _ => format!("{partition} 파티션: ISR {} → {}.", list(from), list(to)),
            }
        }
        Event::ReplicasReassigned { partition, from, to } => {
            format!("{partition} 파티션을 다른 브로커로 옮겼습니다. 복제본 {} → {}.", list(from), list(to))
        }
        Event::ReplicaMoved { partition, from, to } => {
            format!("{node}이 {partition} 파티션의 복제본을 다른 로그 디렉터리로 옮겼습니다. {from} → {to}")
        }
        Event::ClientThrottled { client_id, quota, throttle_ms } => {
            format!("{client_id} 클라이언트가 {quota} 할당량을 넘어 {node}이 {throttle_ms} ms 동안 기다리게 합니다.")
        }
        Event::TopicCreated { topic, partitions, replication_factor } => {
            format!("{topic} 토픽을 만들었습니다. 파티션 {partitions}개, RF {replication_factor}.")
        }
        Event::TopicDeleted { topic } => format!("{topic} 토픽을 지웠습니다."),
        Event::Truncated { partition, from, to } => {
            format!("{node}이 {partition} 파티션을 오프셋 {from}에서 {to}까지 잘라 냈습니다. 리더에게 없던 부분입니다.")
        }
        Event::SegmentsDeleted { partition, segments, bytes, log_start_offset, cause } => {
            let why = match cause {
                RetentionCause::Time => "retention.ms보다 오래됐습니다",
                RetentionCause::Size => "retention.bytes를 넘었습니다",
                RetentionCause::LogStart => "로그 시작보다 앞입니다",
            };
            format!(
                "{node}이 {partition} 파티션의 세그먼트 {segments}개를 지웠습니다({bytes} 바이트): {why}. 이제 오프셋 {log_start_offset}부터입니다."
            )
        }
        Event::LogRecovered { partition, log_end_offset, discarded_bytes } => {
            format!("{node}이 {partition} 파티션을 복구했습니다. end {log_end_offset}, 버린 바이트 {discarded_bytes}.")
        }
        Event::LogDirectoryOffline { path } => format!("저장소 오류로 {node}의 로그 디렉터리를 내렸습니다: {path}"),
        Event::GroupRebalancing { group, reason } => format!("{group} 그룹을 다시 나눕니다: {reason}"),
        Event::GroupStable { group, generation_id, members } => {
            format!("{group} 그룹이 안정되었습니다. 멤버 {members}개, generation {generation_id}.")
        }
        Event::GroupEmpty { group, generation_id } => format!("{group} 그룹이 비었습니다. generation {generation_id}."),
        Event::TransactionEnded { transactional_id, committed, partitions, by } => {
            let why = match by {
                TransactionEnder::Producer => "",
                TransactionEnder::Successor => "다른 프로듀서가 이 ID를 가져가서 ",
                TransactionEnder::Timeout => "제한 시간보다 오래 열려 있어서 ",
            };
            let outcome = if *committed { "커밋되었습니다" } else { "중단되었습니다" };
            format!("{transactional_id} 트랜잭션(파티션 {partitions}개)이 {why}{outcome}.")
        }
        Event::MemberExpired { group, member } => format!("{group} 그룹에서 응답 없는 멤버를 뺐습니다: {member}"),
        Event::RecordSkipped { partition, offset, reason } => {
            format!("{node}이 {partition} 파티션의 오프셋 {offset} 레코드를 건너뛰었습니다: {reason}")
        }
        Event::BadRequest { reason } => format!("{node}이 연결을 닫았습니다: {reason}"),
        Event::Fatal { reason } => format!("{node}이 오류로 끝났습니다: {reason}"),
        Event::Stopped => format!("{node}이 종료되었습니다."),
        // Events are non-exhaustive: one that is newer than this table is shown as it is.
        other => format!("{node}: {other:?}"),
    }
}
