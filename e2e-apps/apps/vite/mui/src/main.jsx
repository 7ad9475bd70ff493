import { useState } from "react";
import { createRoot } from "react-dom/client";
import {
  Button,
  createTheme,
  CssBaseline,
  Dialog,
  DialogTitle,
  LinearProgress,
  Slider,
  TextField,
  ThemeProvider,
} from "@mui/material";

const theme = createTheme({ palette: { primary: { main: "#00695c" } } });

function App() {
  const [isOpen, setOpen] = useState(false);
  return (
    <ThemeProvider theme={theme}>
      <CssBaseline />
      <Button variant="contained" onClick={() => setOpen(true)}>
        Open
      </Button>
      <TextField label="Name" />
      <Slider aria-label="Volume" defaultValue={30} />
      <LinearProgress aria-label="Loading" variant="determinate" value={40} />
      <Dialog open={isOpen} onClose={() => setOpen(false)}>
        <DialogTitle>A dialog</DialogTitle>
      </Dialog>
    </ThemeProvider>
  );
}

createRoot(document.getElementById("root")).render(<App />);
