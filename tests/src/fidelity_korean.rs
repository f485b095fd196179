//! The sentences of the fidelity table in Korean. Each that the table has must be here; a test says which is missing.

/// English as in the tables, Korean for the page.
pub(crate) const KOREAN: &[(&str, &str)] = &[
    (
        "A failover should take a second, so that one sees it happen.",
        "장애 조치가 일어나는 모습을 볼 수 있도록 1초쯤 걸리게 했습니다.",
    ),
    ("The playground is about replicas.", "플레이그라운드는 복제본을 보여 주는 곳입니다."),
    (
        "Reloading the page is a power cut of the whole cluster.",
        "페이지를 새로 고치면 클러스터 전체의 전원이 나간 것과 같습니다.",
    ),
    ("Everything lives in a browser's storage.", "모든 것이 브라우저 저장소에 있습니다."),
    (
        "A first consumer should not wait three seconds for others.",
        "첫 컨슈머가 다른 컨슈머를 3초 동안 기다리지 않게 했습니다.",
    ),
    (
        "Kafka's tool asks for a topic that has the whole line as its name; ours knows that there is none",
        "카프카 도구는 줄 전체를 이름으로 하는 토픽을 물어봅니다. 여기 도구는 그런 토픽이 없다는 것을 압니다",
    ),
    (
        "our quorum tells directory ids, Kafka's static one of kraft.version 0 has none to tell",
        "여기 쿼럼은 디렉터리 ID를 알려 줍니다. kraft.version 0인 카프카의 고정 쿼럼에는 알려 줄 ID가 없습니다",
    ),
    (
        "the features that our controllers do not implement are not supported at level 0 either",
        "여기 컨트롤러가 구현하지 않은 기능은 레벨 0으로도 지원한다고 하지 않습니다",
    ),
    ("APIs that are not implemented are not announced", "구현하지 않은 API는 알리지 않습니다"),
    (
        "our controllers support no level of kraft.version above 0, Kafka's support 1",
        "여기 컨트롤러는 kraft.version 0까지만 지원하고 카프카는 1까지 지원합니다",
    ),
    (
        "Checked as in Kafka. Every level compresses fast, as Kafka's default does.",
        "카프카처럼 검사합니다. 어느 레벨이든 카프카 기본값처럼 빠르게 압축합니다.",
    ),
    (
        "Checked as in Kafka. Every level compresses about as well as Kafka's level 1.",
        "카프카처럼 검사합니다. 어느 레벨이든 카프카의 레벨 1만큼 압축합니다.",
    ),
    (
        "A batch whose records have more than 64 MiB uncompressed is not read by clients here, and brokers refuse what has as much after they compressed it anew.",
        "압축을 푼 레코드가 64 MiB를 넘는 배치는 여기의 클라이언트가 읽지 않으며, 브로커는 다시 압축한 뒤에도 그만큼 큰 배치를 거부합니다.",
    ),
    ("Transactions: not acted on yet.", "트랜잭션: 아직 적용하지 않습니다."),
    ("Policy plug-in: not acted on.", "정책 플러그인: 적용하지 않습니다."),
    ("Quotas: not acted on yet.", "쿼터: 아직 적용하지 않습니다."),
    ("Authorization: not acted on.", "인가: 적용하지 않습니다."),
    (
        "Threads for background work; a virtual broker has one loop.",
        "백그라운드 작업 스레드 수. 가상 브로커는 루프 하나로 돕니다.",
    ),
    (
        "Level of lz4 where the broker compresses: every level is a fast one.",
        "브로커가 압축할 때의 lz4 레벨: 어느 레벨이든 빠르게 압축합니다.",
    ),
    (
        "Level of zstd where the broker compresses: every level is about 1.",
        "브로커가 압축할 때의 zstd 레벨: 어느 레벨이든 1 정도입니다.",
    ),
    ("Plug-ins for values kept elsewhere: not acted on.", "값을 다른 곳에 두는 플러그인: 적용하지 않습니다."),
    (
        "Authentication: not acted on, the playground's listeners are PLAINTEXT.",
        "인증: 적용하지 않습니다. 플레이그라운드의 리스너는 PLAINTEXT입니다.",
    ),
    ("A connection idle for this long is closed.", "이 시간 동안 쓰지 않은 연결은 닫습니다."),
    (
        "How long the quorum's leader gathers records before it appends them.",
        "쿼럼 리더가 레코드를 모았다가 추가하기까지의 시간.",
    ),
    ("Whether a new controller adds itself to the voters.", "새 컨트롤러가 스스로 투표자에 들어가는지 여부."),
    (
        "Most bytes a quorum member asks for in one piece of a snapshot.",
        "쿼럼 구성원이 스냅숏 한 조각으로 요청하는 최대 바이트.",
    ),
    ("Wait for an answer on a connection to a controller.", "컨트롤러 연결에서 응답을 기다리는 시간."),
    ("Directories that take no new replicas.", "새 복제본을 받지 않는 디렉터리."),
    ("Delegation tokens: not acted on.", "위임 토큰: 적용하지 않습니다."),
    (
        "Requests after which answered DeleteRecords requests are swept out.",
        "응답이 끝난 DeleteRecords 요청을 이만큼의 요청마다 치웁니다.",
    ),
    ("Listeners opened before the broker is ready.", "브로커가 준비되기 전에 여는 리스너."),
    (
        "Requests after which answered fetch requests are swept out.",
        "응답이 끝난 fetch 요청을 이만큼의 요청마다 치웁니다.",
    ),
    ("Tiered storage: not acted on.", "계층형 저장소: 적용하지 않습니다."),
    ("Shortest time between two assignments of a consumer group.", "컨슈머 그룹을 다시 할당하기까지의 최소 시간."),
    (
        "Server assignors of consumer groups; the first is the default.",
        "컨슈머 그룹의 서버 할당기. 첫 번째가 기본값입니다.",
    ),
    ("Heartbeat interval of a consumer group's member.", "컨슈머 그룹 구성원의 하트비트 간격."),
    ("Consumer groups of the new protocol: not acted on yet.", "새 프로토콜의 컨슈머 그룹: 아직 적용하지 않습니다."),
    ("Whether classic groups become consumer groups and back.", "클래식 그룹과 컨슈머 그룹이 서로 바뀌는지 여부."),
    ("Session timeout of a consumer group's member.", "컨슈머 그룹 구성원의 세션 타임아웃."),
    (
        "How long the coordinator gathers records; -1 lets it decide.",
        "코디네이터가 레코드를 모으는 시간. -1이면 스스로 정합니다.",
    ),
    ("Threads for the coordinator's background work.", "코디네이터의 백그라운드 작업 스레드 수."),
    ("Largest buffer the coordinator keeps for reuse.", "코디네이터가 다시 쓰려고 두는 가장 큰 버퍼."),
    ("Group protocols the coordinator serves.", "코디네이터가 지원하는 그룹 프로토콜."),
    ("Coordinator threads; a virtual broker has one loop.", "코디네이터 스레드 수. 가상 브로커는 루프 하나로 돕니다."),
    ("Share groups: not acted on yet.", "셰어 그룹: 아직 적용하지 않습니다."),
    ("Streams groups: not acted on yet.", "스트림즈 그룹: 아직 적용하지 않습니다."),
    (
        "How long a starting broker tries to register before it gives up.",
        "시작하는 브로커가 등록을 포기하기까지 시도하는 시간.",
    ),
    ("Metrics plug-ins: not acted on.", "메트릭 플러그인: 적용하지 않습니다."),
    ("Memory of the cleaner's read and write buffers.", "클리너의 읽기·쓰기 버퍼 메모리."),
    ("Cleaner threads; a virtual broker has one loop.", "클리너 스레드 수. 가상 브로커는 루프 하나로 돕니다."),
    (
        "A broker that cannot tell the controller of a failed directory for this long stops.",
        "고장 난 디렉터리를 이 시간 동안 컨트롤러에 알리지 못한 브로커는 멈춥니다.",
    ),
    ("Longest time a record stays unflushed.", "레코드를 플러시하지 않고 두는 최대 시간."),
    ("How often recovery points are stored.", "복구 지점을 저장하는 간격."),
    ("How often logs are looked at for flushing.", "플러시할 로그를 살펴보는 간격."),
    ("How often log start offsets are stored.", "로그 시작 오프셋을 저장하는 간격."),
    (
        "Size kept locally with tiered storage; -2 for the topic's own retention.",
        "계층형 저장소에서 로컬에 두는 크기. -2면 토픽의 보존 설정을 따릅니다.",
    ),
    (
        "Age kept locally with tiered storage; -2 for the topic's own retention.",
        "계층형 저장소에서 로컬에 두는 기간. -2면 토픽의 보존 설정을 따릅니다.",
    ),
    ("Whether segment files get their full size at once.", "세그먼트 파일을 처음부터 전체 크기로 만드는지 여부."),
    (
        "Random part taken off the age at which a segment is closed, in hours.",
        "세그먼트를 닫는 나이에서 무작위로 빼는 시간(시간 단위).",
    ),
    (
        "Random part taken off the age at which a segment is closed. Goes before hours.",
        "세그먼트를 닫는 나이에서 무작위로 빼는 시간. 시간 단위 키보다 먼저입니다.",
    ),
    ("How long a deleted segment's file stays before it is removed.", "삭제된 세그먼트의 파일을 지우기까지 두는 시간."),
    ("Most new connections per second.", "1초에 받는 새 연결의 최대 수."),
    ("Most connections of this broker.", "이 브로커의 최대 연결 수."),
    ("Most connections from one address.", "주소 하나에서 오는 최대 연결 수."),
    ("Addresses with another limit of connections.", "연결 한도를 따로 두는 주소."),
    (
        "Age up to which old metadata segments and snapshots are kept.",
        "오래된 메타데이터 세그먼트와 스냅숏을 두는 기간.",
    ),
    ("Request threads; a virtual broker has one loop.", "요청 스레드 수. 가상 브로커는 루프 하나로 돕니다."),
    ("Network threads; a virtual broker has one loop.", "네트워크 스레드 수. 가상 브로커는 루프 하나로 돕니다."),
    (
        "Threads that recover logs; a virtual broker has one loop.",
        "로그 복구 스레드 수. 가상 브로커는 루프 하나로 돕니다.",
    ),
    ("Threads that move replicas between directories.", "디렉터리 사이에서 복제본을 옮기는 스레드 수."),
    (
        "Fetcher threads for each source broker; a virtual broker has one.",
        "원본 브로커마다 두는 페처 스레드 수. 가상 브로커는 하나를 둡니다.",
    ),
    (
        "Bytes read at a time when a coordinator loads its offsets.",
        "코디네이터가 오프셋을 불러올 때 한 번에 읽는 바이트.",
    ),
    ("Codec of __consumer_offsets.", "__consumer_offsets의 코덱."),
    (
        "Requests after which answered produce requests are swept out.",
        "응답이 끝난 produce 요청을 이만큼의 요청마다 치웁니다.",
    ),
    ("Bytes of requests that may wait; -1 for no limit.", "기다릴 수 있는 요청의 바이트. -1이면 제한이 없습니다."),
    ("Requests that may wait for a request thread.", "요청 스레드를 기다릴 수 있는 요청 수."),
    ("Chooses the replica a consumer reads from.", "컨슈머가 읽을 복제본을 고릅니다."),
    (
        "Receive buffer of a follower's connection; virtual connections have none.",
        "팔로워 연결의 수신 버퍼. 가상 연결에는 없습니다.",
    ),
    ("Security protocol of the listener between brokers.", "브로커끼리 쓰는 리스너의 보안 프로토콜."),
    ("Security plug-ins: not acted on.", "보안 플러그인: 적용하지 않습니다."),
    ("Longest wait for a connection to stand, after repeated failures.", "실패가 거듭된 뒤 연결을 기다리는 최대 시간."),
    ("Wait for a connection to stand.", "연결을 기다리는 시간."),
    ("Connections that may wait to be accepted.", "수락을 기다릴 수 있는 연결 수."),
    ("Receive buffer of a connection; virtual connections have none.", "연결의 수신 버퍼. 가상 연결에는 없습니다."),
    ("Largest request taken from a connection.", "연결에서 받는 가장 큰 요청."),
    ("Send buffer of a connection; virtual connections have none.", "연결의 송신 버퍼. 가상 연결에는 없습니다."),
    (
        "Encryption: not acted on, the playground's listeners are PLAINTEXT.",
        "암호화: 적용하지 않습니다. 플레이그라운드의 리스너는 PLAINTEXT입니다.",
    ),
    ("Client metrics: not acted on.", "클라이언트 메트릭: 적용하지 않습니다."),
    (
        "Bytes read at a time when a coordinator loads its transactions.",
        "코디네이터가 트랜잭션을 불러올 때 한 번에 읽는 바이트.",
    ),
    ("Whether transactions may take part in a two-phase commit.", "트랜잭션이 2단계 커밋에 참여할 수 있는지 여부."),
    (
        "Size kept locally with tiered storage; -2 for retention.bytes.",
        "계층형 저장소에서 로컬에 두는 크기. -2면 retention.bytes를 따릅니다.",
    ),
    (
        "Age kept locally with tiered storage; -2 for retention.ms.",
        "계층형 저장소에서 로컬에 두는 기간. -2면 retention.ms를 따릅니다.",
    ),
    ("Random part taken off the age at which a segment is closed.", "세그먼트를 닫는 나이에서 무작위로 빼는 시간."),
];
