import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.security.Permission;
import java.security.Policy;
import java.security.ProtectionDomain;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import javax.management.InstanceNotFoundException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs one Kafka tool after another in one JVM, each as if it had a JVM of its own.
 *
 * A command comes on standard input: the number of words, the words (main class first), the length of the tool's
 * standard input and its bytes. The answer goes to standard output: exit code, then length and bytes of what the tool
 * wrote to its two streams.
 *
 * A JVM of its own would end with the tool, so here each tool has a thread group: what threads of an earlier tool still
 * print goes nowhere, and exit() never returns to its caller, as the real one does not.
 */
public final class ToolRunner {
    private static final Map<ThreadGroup, Running> RUNNING = new ConcurrentHashMap<>();

    /** A tool and what it has printed. */
    private static final class Running {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        final ByteArrayOutputStream err = new ByteArrayOutputStream();
        final List<Runnable> hooks = Collections.synchronizedList(new ArrayList<>());
        final CountDownLatch ended = new CountDownLatch(1);
        final AtomicInteger code = new AtomicInteger(0);
    }

    /** Passes bytes to the tool whose thread writes them. */
    private static final class Routed extends OutputStream {
        private final boolean isError;
        private final PrintStream own;
        private final ThreadGroup ownGroup = Thread.currentThread().getThreadGroup();

        /** What this program itself has to say goes to {@code own}. */
        Routed(boolean isError, PrintStream own) {
            this.isError = isError;
            this.own = own;
        }

        @Override
        public void write(int value) {
            write(new byte[] {(byte) value}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int from, int length) {
            ThreadGroup group = Thread.currentThread().getThreadGroup();
            Running running = RUNNING.get(group);
            if (group == ownGroup) {
                own.write(bytes, from, length);
            } else if (running != null) {
                (isError ? running.err : running.out).write(bytes, from, length);
            }
        }
    }

    /** Some tools and libraries end the JVM without asking Kafka's Exit. */
    @SuppressWarnings({"removal", "deprecation"})
    private static final class ExitsAreCaught extends SecurityManager {
        @Override
        public void checkExit(int code) {
            if (RUNNING.containsKey(Thread.currentThread().getThreadGroup())) {
                exit(code);
            }
        }

        @Override
        public void checkPermission(Permission permission) {
            // Everything else is allowed.
        }
    }

    @SuppressWarnings({"removal", "deprecation"})
    public static void main(String[] arguments) throws Exception {
        DataInputStream commands = new DataInputStream(System.in);
        DataOutputStream answers = new DataOutputStream(System.out);
        // Before any tool's class is loaded: log4j takes the System.err it finds.
        System.setOut(new PrintStream(new Routed(false, System.err), true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(new Routed(true, System.err), true, StandardCharsets.UTF_8));
        Exit.setExitProcedure((code, message) -> exit(code));
        Exit.setHaltProcedure((code, message) -> exit(code));
        Policy.setPolicy(new Policy() {
            @Override
            public boolean implies(ProtectionDomain domain, Permission permission) {
                return true;
            }
        });
        System.setSecurityManager(new ExitsAreCaught());
        Exit.setShutdownHookAdder((name, hook) -> {
            Running running = RUNNING.get(Thread.currentThread().getThreadGroup());
            if (running != null) {
                running.hooks.add(hook);
            }
        });
        while (true) {
            int count;
            try {
                count = commands.readInt();
            } catch (EOFException end) {
                System.exit(0);
                return;
            }
            String[] words = new String[count];
            for (int index = 0; index < count; index++) {
                words[index] = new String(commands.readNBytes(commands.readInt()), StandardCharsets.UTF_8);
            }
            Running running = run(words, new ByteArrayInputStream(commands.readNBytes(commands.readInt())));
            answers.writeInt(running.code.get());
            for (ByteArrayOutputStream stream : List.of(running.out, running.err)) {
                byte[] bytes = stream.toByteArray();
                answers.writeInt(bytes.length);
                answers.write(bytes);
            }
            answers.flush();
        }
    }

    private static Running run(String[] words, InputStream input) throws Exception {
        ThreadGroup group = new ThreadGroup(words[0]);
        Running running = new Running();
        RUNNING.put(group, running);
        System.setIn(input);
        Thread main = new Thread(group, () -> main(words, running), "main");
        main.start();
        running.ended.await();
        runHooks(group, running);
        RUNNING.remove(group);
        forget(group);
        return running;
    }

    private static void main(String[] words, Running running) {
        String[] arguments = new String[words.length - 1];
        System.arraycopy(words, 1, arguments, 0, arguments.length);
        try {
            Class.forName(words[0]).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException thrown) {
            if (running.ended.getCount() == 0) {
                // It had called exit() and was now stopped.
                return;
            }
            // As the JVM words it.
            System.err.print("Exception in thread \"main\" ");
            thrown.getCause().printStackTrace();
            running.code.set(1);
        } catch (ReflectiveOperationException missing) {
            missing.printStackTrace();
            running.code.set(127);
        }
        running.ended.countDown();
    }

    private static void exit(int code) {
        Running running = RUNNING.get(Thread.currentThread().getThreadGroup());
        if (running != null && running.ended.getCount() != 0) {
            running.code.set(code);
            running.ended.countDown();
        }
        while (true) {
            try {
                Thread.sleep(Long.MAX_VALUE);
            } catch (InterruptedException ignored) {
                // The caller must not go on.
            }
        }
    }

    private static void runHooks(ThreadGroup group, Running running) throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        for (Runnable hook : new ArrayList<>(running.hooks)) {
            Thread thread = new Thread(group, hook, "shutdown hook");
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }

    /** What would be gone with a JVM: threads, registered metrics, the number of the next admin client. */
    @SuppressWarnings({"removal", "deprecation"})
    private static void forget(ThreadGroup group) throws Exception {
        try {
            group.stop();
        } catch (UnsupportedOperationException newerJava) {
            group.interrupt();
        }
        MBeanServer beans = ManagementFactory.getPlatformMBeanServer();
        for (ObjectName name : beans.queryNames(new ObjectName("kafka*:*"), null)) {
            try {
                beans.unregisterMBean(name);
            } catch (InstanceNotFoundException gone) {
                // A client closed itself meanwhile.
            }
        }
        Class<?> admin = Class.forName("org.apache.kafka.clients.admin.KafkaAdminClient");
        Field next = admin.getDeclaredField("ADMIN_CLIENT_ID_SEQUENCE");
        next.setAccessible(true);
        ((AtomicInteger) next.get(null)).set(1);
    }
}
