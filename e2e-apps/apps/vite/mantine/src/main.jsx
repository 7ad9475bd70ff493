import "@mantine/core/styles.css";
import { createRoot } from "react-dom/client";
import { Button, createTheme, MantineProvider, Modal, Progress, Select } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";

const theme = createTheme({ primaryColor: "teal" });

function App() {
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <MantineProvider theme={theme}>
      <Button color="teal" onClick={open}>
        Open
      </Button>
      <Select label="Fruit" data={["Apple", "Pear"]} />
      <Progress aria-label="Loading" value={40} />
      <Modal opened={isOpen} onClose={close} title="A dialog" />
    </MantineProvider>
  );
}

createRoot(document.getElementById("root")).render(<App />);
